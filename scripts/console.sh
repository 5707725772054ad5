#!/usr/bin/env bash
# The console in a real browser, with every attack sample of testdata/.

cd "$(dirname "$0")/.."
. scripts/common.sh

prefix=$PWD/build/console
app=$prefix/app
pid=

stop() {
    [ -z "$pid" ] || { kill "$pid" 2> /dev/null && wait "$pid"; } || true
}
trap stop EXIT

mkdir -p "$app" "$prefix/shots"
exec 9> "$prefix/lock"
flock -n 9 || die "the console's check is running in this tree already"

cp scripts/console/*.js scripts/demo/package*.json scripts/chromium.js "$app/"
npm_install "$app"

scripts/go.sh build -o "$prefix/samples" ./gobridge/internal/console/samples
rm -f "$prefix"/{attacks.json,events.db*,out}
"$prefix/samples" testdata > "$prefix/attacks.json"

build/wsi console --log "$prefix/attacks.json" --db "$prefix/events.db" \
    --listen 127.0.0.1:0 > "$prefix/out" 2>&1 9>&- &
pid=$!

url=
for _ in {1..300}; do
    kill -0 $pid 2> /dev/null || die "the console did not start: $(cat "$prefix/out")"
    url=$(sed -n 's/^console at //p' "$prefix/out")
    [ -z "$url" ] || break
    sleep 0.1
done
[ -n "$url" ] || die "the console does not say where it listens"

node "$app/check.js" "$url" "$prefix/attacks.json" "$prefix/shots" 9>&-

log=$(grep -v '^console at ' "$prefix/out" || true)
[ -z "$log" ] || die "the console complained: $log"
echo "screenshots: build/console/shots"
