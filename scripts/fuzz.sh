#!/usr/bin/env bash
# Runs every fuzz target for the time $1, one after the other.

cd "$(dirname "$0")/.."
. scripts/common.sh

time=${1:-60s}

grep -rlE '^func Fuzz' --include='*_test.go' gobridge | xargs -r -n 1 dirname \
| sort -u | while read -r package; do
    sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p' "$package"/*_test.go \
    | while read -r target; do
        echo "$package $target"
        scripts/go.sh test "./$package" -run '^$' -fuzz "^$target\$" \
                      -fuzztime "$time" -parallel "$(nproc)" < /dev/null
    done
done
