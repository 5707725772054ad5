#!/usr/bin/env bash
# The module's parsers of what clients send, alone, with AddressSanitizer. With
# the argument "fuzz TIME", TIME as 60s, by libFuzzer, if clang has it.

cd "$(dirname "$0")/.."
. scripts/common.sh

tree=build/nginx-$(nginx_version)/src
[ -f "$tree/objs/Makefile" ] || die "no NGINX tree in $tree: run make module"

includes=()
for dir in src/core src/event src/event/modules src/os/unix objs src/http \
           src/http/modules src/http/v2
do
    includes+=(-I "$tree/$dir")
done

# Of _offer.c only what parses is called; the rest needs an NGINX around it.
build() {
    "$@" -g -O1 -Wno-unused-function -fno-omit-frame-pointer \
         -ffunction-sections -fdata-sections "${includes[@]}" -I module \
         -I gobridge module/test/offer.c \
         -Wl,--gc-sections -Wl,--unresolved-symbols=ignore-all
}

if [ "${1:-}" = fuzz ]; then
    if build clang -fsanitize=fuzzer,address -DFUZZ -o build/fuzz-offer \
             2> build/fuzz-offer.log
    then
        mkdir -p build/fuzz-offer.corpus
        build/fuzz-offer -max_total_time="${2%s}" -max_len=256 \
                         build/fuzz-offer.corpus
        exit
    fi
    say "clang with libFuzzer is not here (build/fuzz-offer.log): random bytes instead"
    set -- 20000000
fi

build "${CC:-gcc}" -fsanitize=address,undefined -fno-sanitize-recover=undefined \
      -o build/test-offer
build/test-offer "$@"
