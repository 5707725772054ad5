#!/usr/bin/env bash
# Installs what is missing for the named jobs: build, demo, frameworks,
# frameworks-quick, integrations, languages, nginx-tests.
# Needs apt-get, and root or a sudo that asks no password, only when something
# is missing.

cd "$(dirname "$0")/.."
. scripts/common.sh


# Debian starts a service as it installs it.  These are needed here as programs
# only, and port 80 may be taken: deny their start, and no other.
apt_install_stopped() {
    local policy=/usr/sbin/policy-rc.d
    local services='nginx|rabbitmq-server|epmd|mosquitto|nats-server|prometheus'

    services+='|clickhouse-server|crowdsec|fail2ban|rsyslog'

    if [ ! -e $policy ]; then
        printf '#!/bin/sh\ncase $1 in %s) exit 101 ;; esac\nexit 0\n' \
               "$services" \
            | as_root tee $policy > /dev/null 2>&1 \
            && as_root chmod 755 $policy \
            && trap "as_root rm -f $policy" EXIT
    fi

    apt_install "$@"
}


has_header() {
    echo "#include <$1>" | ${CC:-cc} -E - > /dev/null 2>&1
}


deps_build() {
    local cc=${CC:-gcc} binary version

    cc=${cc%% *}
    command -v "$cc" > /dev/null || apt_install "$(basename "$cc")"
    command -v make > /dev/null || apt_install make
    has_header stdlib.h || apt_install libc6-dev

    if [ -z "${NGINX_VERSION:-}" ] && [ -z "${NGINX_SOURCE_DIR:-}" ]; then
        if [ -z "$(nginx_binary)" ]; then
            [ -z "${NGINX_BINARY:-}" ] || die "NGINX=$NGINX_BINARY:" \
                                                "no such program"
            apt_install_stopped nginx nginx-dev
        fi

        # The headers of the distribution's own NGINX, when it is that one.
        binary=$(nginx_binary)
        version=$(nginx_binary_version "$binary")
        if [ "$(readlink -f "$binary")" = /usr/sbin/nginx ] \
           && [ ! -f /usr/share/nginx/src/src/core/nginx.h ] \
           && apt-cache show nginx-dev 2> /dev/null \
              | grep -q "^Version: $version-"
        then
            apt_install nginx-dev
        fi
    else
        # The headers that NGINX's configure asks for.
        command -v curl > /dev/null || command -v wget > /dev/null \
            || apt_install curl ca-certificates
        has_header zlib.h || apt_install zlib1g-dev
        has_header openssl/ssl.h || apt_install libssl-dev

        if version_ge "$(nginx_version)" 1.21.5; then
            command -v pcre2-config > /dev/null || apt_install libpcre2-dev
        else
            has_header pcre.h || apt_install libpcre3-dev
        fi
    fi

    scripts/go.sh version > /dev/null
}


deps_node() {
    local node

    node=$(node --version 2> /dev/null || true)
    node=${node#v}
    version_ge "${node:-0}" 18 && command -v npm > /dev/null \
        || apt_install nodejs npm
}


deps_demo() {
    deps_node
    [ -x "${CHROMIUM:-/usr/bin/chromium}" ] \
        || apt_install chromium fonts-liberation
}


# What "make test" runs of them.  Without apt-get, those that lack something
# are skipped.
deps_frameworks_quick() {
    deps_node
    command -v apt-get > /dev/null || return 0
    apt_install_stopped rabbitmq-server
}


deps_frameworks() {
    deps_frameworks_quick
    command -v apt-get > /dev/null || return 0
    apt_install_stopped mosquitto nats-server
    apt_install iproute2 php-cli puma python3-autobahn ruby-actioncable
}


# Without apt-get, the clients that cannot run are skipped.
deps_languages() {
    command -v apt-get > /dev/null || return 0

    deps_demo
    command -v openssl > /dev/null || apt_install openssl
    command -v javac > /dev/null || apt_install default-jdk-headless
    command -v ruby > /dev/null && ruby -e 'require "faye/websocket"' \
        2> /dev/null || apt_install ruby ruby-faye-websocket
    apt_install mono-mcs mono-runtime php-cli python3-websocket \
        python3-websockets libmojolicious-perl libio-socket-ssl-perl
}


# Without apt-get, these have to be there.
deps_integrations() {
    local package packages=() offline=/etc/crowdsec/online_api_credentials.yaml

    command -v prometheus > /dev/null && command -v promtool > /dev/null \
        || apt_install_stopped prometheus
    command -v apt-get > /dev/null || return 0

    # Not every release of Debian and Ubuntu has all of them.
    for package in clickhouse-client clickhouse-server crowdsec fail2ban \
                   goaccess lnav logrotate rsyslog
    do
        if apt-cache show $package > /dev/null 2>&1; then
            packages+=($package)
        else
            say "no package $package here: what needs it is skipped"
        fi
    done

    # Its package registers the machine with the Central API unless this file
    # is there (README.Debian).
    if [[ " ${packages[*]} " = *' crowdsec '* ]] && [ ! -e $offline ]; then
        as_root mkdir -p /etc/crowdsec
        echo '# not registered' | as_root tee $offline > /dev/null
    fi

    apt_install_stopped "${packages[@]}"
}


deps_nginx_tests() {
    command -v prove > /dev/null || apt_install perl
    perl -MProtocol::WebSocket -e 1 2> /dev/null \
        || apt_install libprotocol-websocket-perl
    perl -MIO::Socket::SSL -e 1 2> /dev/null \
        || apt_install libio-socket-ssl-perl
}


for job in "$@"; do
    case $job in
        build)            deps_build ;;
        demo)             deps_demo ;;
        frameworks)       deps_frameworks ;;
        frameworks-quick) deps_frameworks_quick ;;
        integrations)     deps_integrations ;;
        languages)        deps_languages ;;
        nginx-tests)      deps_nginx_tests ;;
        *)                die "usage: deps.sh build|demo|frameworks" \
                              "|frameworks-quick|integrations|languages" \
                              "|nginx-tests ..." ;;
    esac
done
