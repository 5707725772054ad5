#!/usr/bin/env bash
# Builds the module against the chosen NGINX, in build/nginx-<version>; with
# the argument "binary" also that NGINX itself.  The source tree is copied:
# NGINX's configure runs in its tree and writes there.

cd "$(dirname "$0")/.."
. scripts/common.sh

# One at a time: two would share the tree.
mkdir -p build
exec 9> build/lock
flock 9

version=$(nginx_version)
[ -n "$version" ] || die "no NGINX on this machine: give NGINX_VERSION=" \
                         "or NGINX_SOURCE_DIR=, or run make deps"

binary=
if [ -n "${NGINX_SOURCE_DIR:-}" ]; then
    source=$NGINX_SOURCE_DIR

elif [ -n "${NGINX_VERSION:-}" ]; then
    source=$(scripts/fetch-nginx.sh "$version")

else
    binary=$(nginx_binary)
    source=/usr/share/nginx/src
    [ -f $source/src/core/nginx.h ] \
        && [ "$(nginx_tree_version $source)" = "$version" ] \
        || source=$(scripts/fetch-nginx.sh "$version")
fi

CC=${CC:-gcc}
out=build/nginx-$version
tree=$out/src
module=ngx_http_wallarm_websocket_module.so

# clang lets a later -Wextra bring back the warning that NGINX switches off.
cc_opt="-O2 -g -fstack-protector-strong -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
        -Wall -Wextra -Werror -Wno-unused-parameter
        -ffile-prefix-map=$PWD=."
ld_opt="-Wl,-z,relro -Wl,-z,now"


# Everything that changes the layout of NGINX's structures has to be as in the
# binary, which --with-compat ensures; a binary built without it is matched by
# its own options.
configure_options() {
    local option

    if [ -f "$source/conf_flags" ]; then
        # The distribution's options for building modules (Debian's nginx-dev).
        . "$source/conf_flags"
        printf '%s\n' "${NGX_CONF_FLAGS[@]}"
        return
    fi

    eval "set -- $([ -z "$binary" ] || "$binary" -V 2>&1 \
                   | sed -n 's/^configure arguments: //p')"

    case " $* " in
        *" --with-compat "* | "  ")
            cat <<END
--with-compat
--with-debug
--with-threads
--with-http_ssl_module
--with-http_v2_module
--with-poll_module
--with-http_auth_request_module
--with-http_realip_module
END
            return ;;
    esac

    for option in "$@"; do
        case $option in
            --add-* | *=dynamic | --with-cc=* | --with-cc-opt=* \
            | --with-ld-opt=* | --with-openssl=* | --with-pcre=* \
            | --with-zlib=*) ;;
            *) printf '%s\n' "$option" ;;
        esac
    done
}


mapfile -t options < <(configure_options)
cc_opt=$(echo $cc_opt)

# Older files of another tree would not be replaced below.
[ "$source" = "$(head -n 1 $out/stamp 2> /dev/null || true)" ] || rm -rf "$tree"

mkdir -p "$tree"
for part in auto configure conf html man src; do
    [ ! -e "$source/$part" ] || cp -Rpu "$source/$part" "$tree/"
done
chmod -R u+w "$tree"

stamp=$(printf '%s\n' "$source" "$CC" "$cc_opt" "$ld_opt" "${options[@]}"
        "$CC" --version 2> /dev/null | head -n 1
        cksum < config)

if [ "$stamp" != "$(cat $out/stamp 2> /dev/null || true)" ]; then
    say "configuring NGINX $version"
    rm -rf "$tree/objs" $out/stamp

    configure=./configure
    [ -f "$tree/configure" ] || configure=auto/configure
    (cd "$tree" \
     && $configure "${options[@]}" --with-cc="$CC" --with-cc-opt="$cc_opt" \
                   --with-ld-opt="$ld_opt" --add-dynamic-module="$OLDPWD") \
        > $out/configure.log 2>&1 \
        || { tail -n 20 $out/configure.log >&2
             die "NGINX's configure failed: $out/configure.log"; }

    printf '%s\n' "$stamp" > $out/stamp
fi

make -C "$tree" -f objs/Makefile --no-print-directory -s modules
cmp -s "$tree/objs/$module" $out/$module \
    || { install -m 644 "$tree/objs/$module" $out/$module.new
         mv -f $out/$module.new $out/$module; }
say "built $out/$module"

# The machine's NGINX needs no building.
if [ "${1:-}" = binary ] && [ -z "$binary" ]; then
    # Warnings in NGINX's own files are not this project's: an old release
    # with a new compiler or OpenSSL has some.
    cflags=$(sed -n 's/^CFLAGS = *//p' "$tree/objs/Makefile")
    make -C "$tree" -f objs/Makefile --no-print-directory -s \
         -j "$(nproc)" CFLAGS="$cflags -w -Wno-error" binary
    cmp -s "$tree/objs/nginx" $out/nginx \
        || { install "$tree/objs/nginx" $out/nginx.new
             mv -f $out/nginx.new $out/nginx; }
    say "built $out/nginx"
fi
