#!/usr/bin/env bash
# Prints the environment of the tests, for eval: the NGINX to start and what
# to load into it.  A version that was chosen is tested in that NGINX.

cd "$(dirname "$0")/.."
. scripts/common.sh

version=$(nginx_version)
if [ -z "${NGINX_BINARY:-}" ] \
   && [ -n "${NGINX_VERSION:-}${NGINX_SOURCE_DIR:-}" ]
then
    binary=$PWD/build/nginx-$version/nginx
else
    binary=$(nginx_binary)
fi

[ -x "$binary" ] || die "no NGINX $version to test with: run make build-nginx"

printf 'export %s=%q\n' \
    WSI_NGINX "$binary" \
    WSI_MODULE "$PWD/build/nginx-$version/ngx_http_wallarm_websocket_module.so" \
    WSI_LIBRARY "$PWD/build/libwsi.so" \
    WSI_CLI "$PWD/build/wsi"
