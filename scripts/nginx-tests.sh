#!/usr/bin/env bash
# NGINX's own tests of upgraded connections, with the module loaded and the
# directive on, from a tree of nginx/nginx-tests at NGINX_TESTS_DIR.

cd "$(dirname "$0")/.."
. scripts/common.sh

dir=${NGINX_TESTS_DIR:-}
[ -n "$dir" ] || die "NGINX_TESTS_DIR= is not set: clone nginx/nginx-tests" \
    "from GitHub and run make nginx-tests NGINX_TESTS_DIR=/path/to/it"
[ -f "$dir/lib/Test/Nginx.pm" ] || die "NGINX_TESTS_DIR=$dir is no tree of" \
    "nginx/nginx-tests: lib/Test/Nginx.pm is not there"

# Not in a distribution's NGINX: the tests want each of its dynamic modules.
if [ -z "${NGINX_BINARY:-}${NGINX_VERSION:-}${NGINX_SOURCE_DIR:-}" ]; then
    export NGINX_VERSION=1.26.3
    say "testing in NGINX $NGINX_VERSION; NGINX_VERSION= chooses another"
fi

scripts/deps.sh build nginx-tests
scripts/build-nginx.sh binary

env=$(scripts/env.sh)
eval "$env"

# The suite starts NGINX with -e, which 1.19.5 brought.
"$WSI_NGINX" -h 2>&1 | grep -q -- '-e filename' \
    || die "$WSI_NGINX is too old for nginx/nginx-tests, which needs 1.19.5"

export TEST_NGINX_BINARY=$WSI_NGINX
export TEST_NGINX_GLOBALS="load_module $WSI_MODULE;
wallarm_websocket_library $WSI_LIBRARY;"

# As root the workers are "nobody", who may not reach the library.
[ "$(id -u)" != 0 ] || TEST_NGINX_GLOBALS="user root; $TEST_NGINX_GLOBALS"


# $1: the mode, then the tests; what this release of the tests has of them
run() {
    local mode=$1 name tests=()
    shift

    for name in "$@"; do
        [ ! -f "$dir/$name.t" ] || tests+=("$name.t")
    done

    echo "wallarm_mode $mode: ${tests[*]}"
    (cd "$dir" \
     && TEST_NGINX_GLOBALS_HTTP="wallarm_parse_websocket on;
        wallarm_mode $mode; wallarm_event_log off;" prove -I lib "${tests[@]}")
}


# Monitoring refuses nothing.  In block mode only WebSocket is upgraded: the
# other tests tunnel protocols of their own.
run block proxy_websocket
run monitoring proxy_websocket proxy_upgrade ssl_proxy_upgrade \
    worker_shutdown_timeout_proxy_upgrade \
    tunnel tunnel_auth_basic tunnel_next_upstream
