#!/usr/bin/env bash
# gofmt, go vet, shell syntax, and the module without a warning with each
# compiler that is here.

cd "$(dirname "$0")/.."
. scripts/common.sh

unformatted=$(scripts/go.sh run cmd/gofmt -l gobridge)
[ -z "$unformatted" ] || die "not gofmt'ed: $unformatted"

scripts/go.sh vet ./...
scripts/go.sh vet -tags e2e ./...

for script in scripts/*.sh .ci/run; do
    bash -n "$script"
done

! command -v node > /dev/null \
    || find scripts -name '*.js' -exec node --check {} \;

for cc in gcc clang; do
    if command -v $cc > /dev/null; then
        CC=$cc scripts/build-nginx.sh
    else
        say "$cc is not here: not tried"
    fi
done
CC=${CC:-gcc} scripts/build-nginx.sh

echo "lint: ok"
