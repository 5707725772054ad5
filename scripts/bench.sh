#!/usr/bin/env bash
# Compares NGINX without the module and with it. The arguments go to
# gobridge/bench (-help lists them).

cd "$(dirname "$0")/.."
. scripts/common.sh

env=$(scripts/env.sh)
eval "$env"

# Not "go run": it hides the exit status and leaves its child on SIGTERM.
scripts/go.sh build -o build/bench ./gobridge/bench
exec build/bench "$@"
