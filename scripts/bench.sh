#!/bin/sh
# Compares NGINX without the module and with it. The arguments go to
# gobridge/bench (-help lists them).
set -eu

cd "$(dirname "$0")/.."

nginx=${NGINX:-$(command -v nginx || echo /usr/sbin/nginx)}
version=$("$nginx" -v 2>&1 | sed -n 's|^nginx version: [^/]*/\([0-9.]*\).*|\1|p')
module=${MODULE:-build/nginx-$version/ngx_http_wallarm_websocket_module.so}

# Not "go run": it hides the exit status and outlives its child's SIGTERM.
mkdir -p build
"${GO:-go}" build -o build/bench ./gobridge/bench

exec build/bench -nginx "$nginx" -module "$module" -library "${LIBRARY:-build/libwsi.so}" "$@"
