#!/usr/bin/env bash
# The socket.io chat behind NGINX, in build/demo: "demo.sh" for people,
# "demo.sh check" for machines, "demo.sh pictures" for those in docs/images.
# Ends only what it started.

cd "$(dirname "$0")/.."
. scripts/common.sh

env=$(scripts/env.sh)
eval "$env"

top=$PWD
prefix=$top/build/demo
app=$prefix/app
pids=()

# The tree may lie in a directory that only its owner can enter.
user=
[ "$(id -u)" != 0 ] || user="user root;"


stop() {
    local pid

    for pid in "${pids[@]}"; do
        kill "$pid" 2> /dev/null || true
    done
    wait
    pids=()
}


taken() {
    (exec 3<> "/dev/tcp/127.0.0.1/$1") 2> /dev/null
}


# $1 if it is free, else any other
free_port() {
    local port=$1

    while taken "$port"; do
        port=$((20000 + RANDOM % 12000))
    done
    echo "$port"
}


wait_for() {
    local i

    for i in {1..150}; do
        kill -0 "$2" 2> /dev/null || die "$3 did not start"
        ! taken "$1" || return 0
        sleep 0.1
    done
    die "$3 does not answer on port $1"
}


prepare() {
    mkdir -p "$prefix"/{modules,conf,logs,temp,shots} "$app"

    # Demo and check share the directory.
    exec 9> "$prefix/lock"
    flock -n 9 || die "a demo is running in this tree already"

    ln -sfn "$top/scripts/demo/public" "$prefix/html"
    ln -sf "$WSI_MODULE" "$WSI_LIBRARY" "$prefix/modules/"

    cp scripts/demo/*.js scripts/demo/package*.json scripts/chromium.js "$app/"
    npm_install "$app"
}


# $1: on or off
start() {
    sed -e "s/127\.0\.0\.1:3000/127.0.0.1:$chat_port/" \
        -e "s/127\.0\.0\.1:8088/127.0.0.1:$port/" \
        -e "s/\(wallarm_parse_websocket\) on;/\1 $1;/" \
        nginx-conf/demo.conf > "$prefix/conf/nginx.conf"
    rm -f "$prefix"/logs/*

    node "$app/server.js" "$chat_port" > "$prefix/logs/chat.log" 2>&1 9>&- &
    pids+=($!)
    wait_for "$chat_port" $! "the chat server ($prefix/logs/chat.log)"

    "$WSI_NGINX" -p "$prefix" -c conf/nginx.conf -g "daemon off; $user" \
        2>> "$prefix/logs/stderr.log" 9>&- &
    pids+=($!)
    wait_for "$port" $! "NGINX ($prefix/logs/stderr.log)"

    rm -f "$prefix"/events.db*
    "$WSI_CLI" console --log "$prefix/logs/websocket_attacks.json" \
        --db "$prefix/events.db" --listen "127.0.0.1:$console_port" \
        --status "http://127.0.0.1:$port/wallarm-status" \
        > "$prefix/logs/console.log" 2>&1 9>&- &
    pids+=($!)
    wait_for "$console_port" $! "the console ($prefix/logs/console.log)"
}


# The other file of nginx-conf/, with what any user needs to load it.
check_minimal() {
    local kind temp=

    for kind in client_body proxy fastcgi uwsgi scgi; do
        temp="$temp ${kind}_temp_path temp/$kind;"
    done

    sed -e "s,^http {,& access_log off;$temp," \
        -e 's/listen 8080/listen 127.0.0.1:8080/' \
        nginx-conf/minimal.conf > "$prefix/conf/minimal.conf"
    "$WSI_NGINX" -t -q -p "$prefix" -c conf/minimal.conf \
        -g "pid logs/minimal.pid; error_log stderr; $user"
    echo "ok - nginx-conf/minimal.conf loads"
}


check() {
    local mode failed=0

    for mode in on off; do
        port=$(free_port 18088)
        chat_port=$(free_port 13000)
        console_port=$(free_port 18765)
        start $mode
        node "$app/check.js" "http://127.0.0.1:$port/" $mode \
            "$prefix/logs/websocket_attacks.json" "$prefix/shots" \
            "http://127.0.0.1:$console_port" || failed=1
        stop
        rm -rf "$prefix/logs-$mode"
        cp -R "$prefix/logs" "$prefix/logs-$mode"

        if grep -E '\[(alert|emerg|crit)\]' "$prefix"/logs/{error,stderr}.log
        then
            failed=1
        fi
    done

    echo "screenshots: build/demo/shots, logs: build/demo/logs-on, logs-off"
    [ $failed = 0 ] || die "demo-check failed"
    echo "demo-check passed: with the directive the attack is dropped," \
         "without it it is delivered"
}


# What the demo's console shows after half a minute of attacks.
pictures() {
    port=$(free_port "${DEMO_PORT:-8088}")
    chat_port=$(free_port 3000)
    console_port=$(free_port 8765)
    start on
    node "$app/pictures.js" "http://127.0.0.1:$port/" \
        "http://127.0.0.1:$console_port" testdata/detect docs/images "$prefix/shots"
}


demo() {
    port=$(free_port "${DEMO_PORT:-8088}")
    chat_port=$(free_port 3000)
    console_port=$(free_port 8765)
    start on

    cat <<END

  The chat is at   http://127.0.0.1:$port/

  Open it in two browser windows, join under two names, and write something.
  Then write in one of them:

      <script>alert(1)</script>
  or
      ' OR 1=1 --

  That user's own page shows it (the script runs there: a box says 1), and is
  disconnected. The other one sees him leave, and never gets the message.
  What was caught is at

      http://127.0.0.1:$console_port/

  which shows what is in build/demo/logs/websocket_attacks.json. To ask whether
  an endpoint is inspected:

      build/wsi check ws://127.0.0.1:$port/socket.io/

  Ctrl-C ends the demo.

END
    # Either of them ending ends the demo.
    wait -n || true
}


trap stop EXIT
trap 'exit 130' INT TERM

prepare
case ${1:-} in
    check)    check_minimal; check ;;
    pictures) pictures ;;
    *)        demo ;;
esac
