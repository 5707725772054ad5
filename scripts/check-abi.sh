#!/usr/bin/env bash
# Compares what build/libwsi.so exports with what gobridge/wsi.h declares.

cd "$(dirname "$0")/.."
. scripts/common.sh

library=${1:-build/libwsi.so}
[ -f "$library" ] || die "no $library: run make bridge"

declared=$(sed -nE 's/^[a-z_0-9]+ \*?(wsi_[a-z_0-9]+)\(.*/\1/p' gobridge/wsi.h | sort)
exported=$(nm -D --defined-only "$library" \
           | awk '$2 == "T" && $3 ~ /^wsi_/ { print $3 }' | sort)

[ "$declared" = "$exported" ] || {
    diff <(echo "$declared") <(echo "$exported") >&2
    die "$library does not export what gobridge/wsi.h declares"
}

echo "$library exports what gobridge/wsi.h declares"
