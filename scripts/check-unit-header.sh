#!/usr/bin/env bash
# Compares the frame header's layout, the opcodes and the close codes of this
# project with NGINX Unit's src/nxt_websocket_header.h, in a source tree at
# UNIT_SOURCE_DIR.  Unit's names are a reference only: none of it is built in.

cd "$(dirname "$0")/.."
. scripts/common.sh

header=${UNIT_SOURCE_DIR:-}/src/nxt_websocket_header.h
[ -n "${UNIT_SOURCE_DIR:-}" ] || die "UNIT_SOURCE_DIR= is not set: clone" \
    "nginx/unit from GitHub and run make check-unit-header" \
    "UNIT_SOURCE_DIR=/path/to/it"
[ -f "$header" ] || die "UNIT_SOURCE_DIR=$UNIT_SOURCE_DIR is no tree of" \
    "nginx/unit: $header is not there"

dir=build/unit
mkdir -p $dir


# "const_name value" for each constant of a Go file of package ws.
constants() {
    sed -nE "s/^\t($1[A-Za-z]+) +[A-Za-z]+ += ([0-9A-Fa-fx]+)$/\1 \2/p" \
        "gobridge/internal/ws/$2"
}


# Ours -> Unit's, where the words differ.
cat > $dir/names.h <<'END'
#define OpContinuation        NXT_WEBSOCKET_OP_CONT
#define OpText                NXT_WEBSOCKET_OP_TEXT
#define OpBinary              NXT_WEBSOCKET_OP_BINARY
#define OpClose               NXT_WEBSOCKET_OP_CLOSE
#define OpPing                NXT_WEBSOCKET_OP_PING
#define OpPong                NXT_WEBSOCKET_OP_PONG
#define CloseNormal           NXT_WEBSOCKET_CR_NORMAL
#define CloseGoingAway        NXT_WEBSOCKET_CR_GOING_AWAY
#define CloseProtocolError    NXT_WEBSOCKET_CR_PROTOCOL_ERROR
#define CloseUnsupportedData  NXT_WEBSOCKET_CR_UNPROCESSABLE_INPUT
#define CloseNoStatus         NXT_WEBSOCKET_CR_NOT_PROVIDED
#define CloseInvalidPayload   NXT_WEBSOCKET_CR_INVALID_DATA
#define ClosePolicyViolation  NXT_WEBSOCKET_CR_POLICY_VIOLATION
#define CloseMessageTooBig    NXT_WEBSOCKET_CR_MESSAGE_TOO_BIG
#define CloseInternalError    NXT_WEBSOCKET_CR_INTERNAL_SERVER_ERROR
/* registered with IANA after Unit's list */
#define CloseTryAgainLater    1013
END

{
    cat <<'END'
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define NXT_HAVE_LITTLE_ENDIAN  1
#else
#define NXT_HAVE_BIG_ENDIAN  1
#endif

#include "src/nxt_websocket_header.h"
#include "names.h"

static int  failed, checked;

#define same(what, ours, unit)                                               \
    checked++;                                                               \
    if ((ours) != (unit)) {                                                  \
        failed++;                                                            \
        printf("differs: %s is %d here, %d in Unit\n", what,                 \
               (int) (ours), (int) (unit));                                  \
    }

int
main(void)
{
    uint8_t                 b[10];
    nxt_websocket_header_t  h;

    /* RFC 6455 5.2: the bit of each field, as gobridge/internal/frame reads */
#define field(name, at, bits)                                                \
    memset(b, 0, sizeof(b));                                                 \
    b[at] = (bits);                                                          \
    memcpy(&h, b, sizeof(h));                                                \
    same(#name " alone", h.name != 0 && h.fin + h.rsv1 + h.rsv2 + h.rsv3     \
         + !!h.opcode + h.mask + !!h.payload_len == 1, 1)

    field(fin, 0, 0x80);
    field(rsv1, 0, 0x40);
    field(rsv2, 0, 0x20);
    field(rsv3, 0, 0x10);
    field(opcode, 0, 0x0f);
    field(mask, 1, 0x80);
    field(payload_len, 1, 0x7f);
    same("header and extended length", 2 + 8, (int) sizeof(h));
    same("control bit", 0x8, NXT_WEBSOCKET_OP_CTRL);

END
    { constants Op opcode.go; constants Close closecode.go; } \
    | while read -r name value; do
        echo "    same(\"$name\", $value, $name);"
    done
    cat <<'END'

    printf("%d of %d agree with NGINX Unit\n", checked - failed, checked);

    return failed != 0;
}
END
} > $dir/check.c

${CC:-cc} -Wall -Wextra -Werror -I"$UNIT_SOURCE_DIR" -I$dir \
    -o $dir/check $dir/check.c
$dir/check
