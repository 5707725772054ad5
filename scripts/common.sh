# Sourced by the other scripts, with the project's top directory as cwd.

set -euo pipefail

. scripts/versions.env

# To a started NGINX this would be a list of inherited sockets.
unset NGINX


say() {
    printf '%s\n' "$*" >&2
}


die() {
    say "error: $*"
    exit 1
}


# $1 >= $2, as version numbers
version_ge() {
    [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$2" ]
}


# The NGINX binary: $NGINX_BINARY, or the one on the machine; empty without any.
nginx_binary() {
    command -v "${NGINX_BINARY:-nginx}" || {
        [ -z "${NGINX_BINARY:-}" ] && [ -x /usr/sbin/nginx ] \
            && echo /usr/sbin/nginx
    } || true
}


nginx_binary_version() {
    "$1" -v 2>&1 | sed -n 's,^nginx version: [^/]*/\([0-9.]*\).*,\1,p'
}


nginx_tree_version() {
    sed -n 's/^#define NGINX_VERSION  *"\(.*\)"/\1/p' "$1/src/core/nginx.h"
}


# The version that "make build" builds for; empty when there is no NGINX yet.
nginx_version() {
    local binary

    if [ -n "${NGINX_SOURCE_DIR:-}" ]; then
        [ -f "$NGINX_SOURCE_DIR/src/core/nginx.h" ] \
            || die "NGINX_SOURCE_DIR=$NGINX_SOURCE_DIR is no NGINX source" \
                   "tree: src/core/nginx.h is not there"
        nginx_tree_version "$NGINX_SOURCE_DIR"

    elif [ -n "${NGINX_VERSION:-}" ]; then
        echo "$NGINX_VERSION"

    else
        binary=$(nginx_binary)
        [ -z "$binary" ] || nginx_binary_version "$binary"
    fi
}


# Runs a command as root: directly, or through sudo when it asks nothing.
as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo -n "$@"
    fi
}


# Installs those of the named Debian packages that are missing.
apt_install() {
    local package missing=()

    for package in "$@"; do
        case $(dpkg-query -W -f='${db:Status-Abbrev}' "$package" 2>/dev/null) in
            ii*) ;;
            *) missing+=("$package") ;;
        esac
    done

    [ ${#missing[@]} -gt 0 ] || return 0

    command -v apt-get > /dev/null \
        || die "needed, and there is no apt-get on this machine to install" \
               "it: what Debian calls ${missing[*]}. Install that and run" \
               "make again."

    [ "$(id -u)" = 0 ] || sudo -n true 2> /dev/null \
        || die "packages are missing, and this user may not install them." \
               "Run: sudo apt-get install -y ${missing[*]}"

    say "installing: ${missing[*]}"

    # The second try is for package lists that are missing or out of date.
    apt_get install "${missing[@]}" > /dev/null 2>&1 || {
        apt_get update > /dev/null
        apt_get install "${missing[@]}" > /dev/null
    }
}


apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get \
        -o DPkg::Lock::Timeout=600 -q -y --no-install-recommends "$@"
}


# Installs in $1 what the package-lock.json there names, if that has changed.
npm_install() {
    cmp -s "$1/package-lock.json" "$1/installed" || {
        say "installing the packages of $1/package.json"
        (cd "$1" && npm ci --ignore-scripts --no-audit --no-fund \
                           --no-progress --loglevel=error > /dev/null)
        cp "$1/package-lock.json" "$1/installed"
    }
}


# The release that the machine's NGINX is of is built for as it is there:
# distributions patch their NGINX, its headers included.
if [ -n "${NGINX_VERSION:-}" ] && [ -n "$(nginx_binary)" ] \
   && [ "$NGINX_VERSION" = "$(nginx_binary_version "$(nginx_binary)")" ]
then
    unset NGINX_VERSION
fi
