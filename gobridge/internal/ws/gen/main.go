// Command gen writes docs/violations.md from the table of violations, or with
// -check compares it. It runs at the top of the repository.
package main

import (
	"fmt"
	"os"
	"strings"

	"wsi/gobridge/internal/ws"
)

const page = "docs/violations.md"

func main() {
	want := text()
	if len(os.Args) > 1 && os.Args[1] == "-check" {
		if have, _ := os.ReadFile(page); string(have) != want {
			fmt.Fprintln(os.Stderr, page+" is not what gobridge/internal/ws/violation.go says: run go run ./gobridge/internal/ws/gen")
			os.Exit(1)
		}
		return
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func text() string {
	var b strings.Builder
	b.WriteString(head)
	for _, v := range ws.All() {
		section, code := v.Section(), "-"
		if section == "" {
			section = "-"
		}
		if c := v.CloseCode(); c != 0 {
			code = fmt.Sprint(c)
		}
		var others []string
		for _, a := range v.Choices() {
			if a != v.Action() {
				others = append(others, a.String())
			}
		}
		if others == nil {
			others = []string{"-"}
		}
		fmt.Fprintf(&b, "| `%v` | %s | %v | %s | %s | %s |\n", v, section, v.Action(), strings.Join(others, ", "), code, v.Meaning())
	}
	b.WriteString(tail)
	return b.String()
}

const head = `# Violations

<!-- Written by gobridge/internal/ws/gen: change gobridge/internal/ws/violation.go. -->

A violation is a broken MUST of RFC 6455 or RFC 7692, or an exceeded limit
(those without a section). Its token is the same in events, logs and tests, and
in [wallarm_websocket_violation](directives.md#wallarm_websocket_violation),
which gives it another action than the default. Each is logged once per
connection and direction.

| Action | Block | Monitoring |
|---|---|---|
| off | as if it were none | the same |
| log | logged as ` + "`logged`" + `; the message is judged and passes, and the peers settle it | the same |
| block | the connection is dropped with the close code, a handshake is refused | logged as ` + "`monitored`" + `, passes |
| opaque | logged as ` + "`logged`" + `; that direction passes uninspected from there on, which an ` + "`error_log`" + ` line says and ` + "`$wallarm_websocket_uninspected`" + ` counts | the same |

The defaults break no peer that can be understood: what can be decoded without
doubt is logged, what cannot is blocked. A token that takes no action but
` + "`block` and `opaque`" + ` is one behind which nothing can be decoded; in monitoring
that direction passes uninspected from there on, too.

| Token | RFC section | Default | Or | Close code | Meaning |
|---|---|---|---|---|---|
`

const tail = `
## What has no token

MUSTs that no bytes on the wire break, or that a third party cannot tell broken:

| RFC section | MUST | Why |
|---|---|---|
| RFC 6455 4.1 | browsers send an ` + "`Origin`" + ` | no byte tells a browser: ` + "`wallarm_websocket_origin missing=deny`" + ` |
| RFC 6455 4.1 | a request has a ` + "`Host`" + `, a 101 ` + "`Connection: Upgrade`" + ` | NGINX refuses the one and writes the other itself |
| RFC 6455 4.2.2, 4.4 | a server that cannot go on says so with 400, 403, 426 | what is no 101 opens nothing |
| RFC 6455 5.3 | masking keys come from a strong source of entropy | of a key nothing but its repetition shows: ` + "`frame_mask_predictable`" + ` |
| RFC 6455 5.5.1 | a Close is answered with a Close | an end that closes the socket instead may have sent one that was lost |
| RFC 6455 5.5.2, 5.5.3 | a Ping is answered by a Pong with its payload, "as soon as is practical" | only the latest Ping must be, at no stated time; any Pong may be an unsolicited one |
| RFC 6455 5.4 | intermediaries do not change fragmentation that they do not understand | every frame is forwarded byte for byte |
| RFC 6455 7.1.1 | the server closes the socket first, both read until its end | NGINX closes both |
| RFC 6455 4.1, 7.2.1, 7.2.3 | clients open one connection at a time, and wait before they connect again | said of a client, not of a connection |
| RFC 7692 7.2.1 | padding bits behind a final block are 0 | every decoder skips them |
`
