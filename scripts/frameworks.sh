#!/usr/bin/env bash
# The real clients and servers of the frameworks through NGINX, in
# build/frameworks: "frameworks.sh [--quick] [FRAMEWORK...]".

cd "$(dirname "$0")/.."
. scripts/common.sh

env=$(scripts/env.sh)
eval "$env"

prefix=$PWD/build/frameworks
app=$prefix/app

mkdir -p "$app"

# Two runs would share the directory.
exec 9> "$prefix/lock"
flock -n 9 || die "these tests are running in this tree already"

rm -rf "$app"/{cases,lib,servers,*.js}
cp -R scripts/frameworks/. "$app/"
npm_install "$app"

timeout --foreground 600 node "$app/run.js" "$prefix/run" "$@"
