#!/usr/bin/env bash
# Runs go with the given arguments: the one on the machine where it is new
# enough for go.mod, otherwise the toolchain pinned in versions.env, which any
# Go since 1.13 can fetch as the module golang.org/toolchain.

cd "$(dirname "$0")/.."
. scripts/common.sh

need=$(sed -n 's/^go //p' go.mod)


# Version without GOTOOLCHAIN's switching: a directory outside any module.
go_version() {
    (cd / && GOTOOLCHAIN=local "$1" env GOVERSION 2> /dev/null) | sed 's/^go//'
}


fetch_toolchain() {
    local go=$1 arch pin out dir

    arch=$("$go" env GOARCH)
    pin=GO_$arch
    [ -n "${!pin:-}" ] || die "no Go toolchain is pinned for $arch:" \
                              "install Go $need or newer"

    say "fetching Go ${GO_TOOLCHAIN#*-go} as a Go module"

    out=$(cd / && GO111MODULE=on GOFLAGS= GOTOOLCHAIN=local "$go" mod download \
          -json "golang.org/toolchain@$GO_TOOLCHAIN.linux-$arch") \
        || die "the Go toolchain cannot be fetched: $out"

    dir=$(sed -n 's/^\t"Dir": "\(.*\)",*$/\1/p' <<< "$out")

    # Also checked by go itself against the checksum database.
    grep -qF "\"Sum\": \"${!pin}\"" <<< "$out" \
        || die "the Go toolchain in $dir does not have the pinned checksum"

    # A module's files are not executable.
    chmod +x "$dir"/bin/* "$dir"/pkg/tool/*/*
}


find_go() {
    local go version old=

    for go in "${GO:-go}" /usr/local/go/bin/go /usr/lib/go-*/bin/go; do
        command -v "$go" > /dev/null || continue
        version=$(go_version "$go")
        [ -n "$version" ] || continue

        if version_ge "$version" "$need"; then
            command -v "$go"
            return
        fi

        old=$go
    done

    if [ -z "$old" ]; then
        apt_install golang-go ca-certificates
        old=go
        version=$(go_version go)
        if version_ge "$version" "$need"; then
            command -v go
            return
        fi
    fi

    go=$(cd / && "$old" env GOMODCACHE)/golang.org
    go=$go/toolchain@$GO_TOOLCHAIN.linux-$("$old" env GOARCH)/bin/go
    [ -x "$go" ] || fetch_toolchain "$old"
    echo "$go"
}


go=$(find_go)

# Nested go commands, those of "go test" among them, find the same Go.
export PATH=$(dirname "$go"):$PATH GOTOOLCHAIN=local
exec "$go" "$@"
