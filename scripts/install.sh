#!/usr/bin/env bash
# Installs what is built: the module where NGINX looks for modules, the
# library beside it (where the module looks for it), wsi in PREFIX/bin.

cd "$(dirname "$0")/.."
. scripts/common.sh

version=$(nginx_version)
binary=$(nginx_binary)
module=ngx_http_wallarm_websocket_module.so

[ -f "build/nginx-$version/$module" ] && [ -f build/libwsi.so ] \
    && [ -f build/wsi ] || die "nothing is built for NGINX $version:" \
                               "run make build first"

modules=
[ -z "$binary" ] || modules=$("$binary" -V 2>&1 \
    | sed -n 's/.* --modules-path=\([^ ]*\).*/\1/p')
modules=$DESTDIR${modules:-/usr/lib/nginx/modules}
bin=$DESTDIR$PREFIX/bin

install -d "$modules" "$bin"

# Replaced by renaming: a running NGINX has the old files mapped.
put() {
    install -m "$1" "$2" "$3.new"
    mv -f "$3.new" "$3"
    echo "$3"
}

put 644 "build/nginx-$version/$module" "$modules/$module"
put 644 build/libwsi.so "$modules/libwsi.so"
put 755 build/wsi "$bin/wsi"
