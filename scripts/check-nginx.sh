#!/usr/bin/env bash
# Says whether the built module fits the NGINX binary: NGINX compares its
# version number and its signature string (auto/module, ngx_module.c) as it
# loads a module, and does not start when one differs.

cd "$(dirname "$0")/.."
. scripts/common.sh

name=ngx_http_wallarm_websocket_module

binary=$(nginx_binary)
[ -n "$binary" ] || die "${NGINX_BINARY:-nginx}: no such program; give" \
                        "NGINX=/path/to/nginx"
version=$(nginx_binary_version "$binary")

module=${MODULE:-build/nginx-$version/$name.so}
[ -n "${MODULE:-}" ] || [ -f "$module" ] \
    || module=$(ls -t build/nginx-*/$name.so 2> /dev/null | head -n 1 || true)
[ -f "$module" ] || die "no module is built yet: run make build"


signature() {
    grep -aoE '[0-9]+,[0-9]+,[0-9]+,[01]{30,}' "$1" | head -n 1
}


# ngx_module_t.version: the sixth word of the structure.  1022001 is 1.22.1.
module_version() {
    local address hex

    address=$(nm -D "$1" | sed -n "s/ D $name\$//p")
    [ -n "$address" ] || die "$1 is not this module"
    address=$((16#$address + 40))

    hex=$(objdump -s --start-address=$address --stop-address=$((address + 4)) \
              "$1" | sed -n 's/^ [0-9a-f]* \([0-9a-f]\{8\}\) .*/\1/p')
    hex=$((16#${hex:6:2}${hex:4:2}${hex:2:2}${hex:0:2}))

    echo $((hex / 1000000)).$((hex / 1000 % 1000)).$((hex % 1000))
}


built=$(module_version "$module")
if [ "$built" != "$version" ]; then
    echo "does not fit: $module is for NGINX $built, and $binary is $version;" \
         "run make build NGINX_VERSION=$version"
    exit 1
fi

want=$(signature "$binary")
have=$(signature "$module")
if [ "$want" != "$have" ]; then
    echo "does not fit: $module and $binary are both $version but were" \
         "configured differently (signatures $have and $want); run make build" \
         "NGINX=$binary, or with NGINX_SOURCE_DIR= the tree it was built from"
    exit 1
fi

# Neither shows the patches of a distribution, which can move the fields of a
# structure: its NGINX takes a module built with its own headers.
stamp=$(dirname "$module")/stamp
headers=/usr/share/nginx/src
if [ "$(readlink -f "$binary")" = /usr/sbin/nginx ] && [ -f "$stamp" ] \
   && [ -f $headers/src/core/nginx.h ] \
   && [ "$(nginx_tree_version $headers)" = "$version" ] \
   && [ "$(head -n 1 "$stamp")" != $headers ]
then
    echo "does not fit: $module was built from $(head -n 1 "$stamp"), and" \
         "$binary is the distribution's patched $version; run make build"
    exit 1
fi

echo "fits: $module and $binary are both NGINX $version, signature $want"
