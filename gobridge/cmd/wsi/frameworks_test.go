package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a client attacks is named as the application knows it.
func TestReplayNamesAttacks(t *testing.T) {
	for _, tt := range []struct {
		session, framework string
		want               []string // event and path of each first attack, once
	}{
		{"sockjs-websocket", "sockjs", []string{" $.text", " $"}},
		{"wamp2-json-nexus", "wamp2", []string{"com.chat.room $[0]", "com.chat.say $[0]", "yield $[0]"}},
		{"graphql-ws", "graphql", []string{"Say $.variables.t", "subscribe $.query"}},
		{"actioncable", "actioncable", []string{"ChatChannel#speak $.message"}},
		{"phoenix-v2", "phoenix", []string{"room:lobby new_msg $.body", "room:lobby file $"}},
		{"phoenix-liveview-form", "phoenix", []string{"lv event save $.value>form['msg[body]']"}},
		{"pusher-js", "pusher", []string{"client-msg $.text"}},
		{"ddp-meteor", "ddp", []string{"sendMessage $[0]"}},
		{"jsonrpc-rpcws", "json-rpc", []string{"say $.text", "say $[0]"}},
	} {
		t.Run(tt.session, func(t *testing.T) {
			code, stdout, stderr := runWSI("", "replay", "--json", sessions+tt.session+"-attack.jsonl")
			require.Equal(t, 0, code)
			require.Empty(t, stderr)
			messages, _ := decodeReplay(t, stdout)
			var got []string
			seen := map[string]bool{}
			for _, m := range messages {
				require.Equal(t, tt.framework, m.Framework)
				if m.Direction != "c2s" || len(m.Attacks) == 0 {
					continue
				}
				// What a value is unfolded to is found as well as the value.
				var names []string
				for _, a := range m.Attacks {
					names = append(names, fmt.Sprintf("%s %s", m.Event, a.Path))
				}
				name := names[max(0, slices.IndexFunc(names, func(n string) bool { return slices.Contains(tt.want, n) }))]
				if !seen[name] {
					seen[name] = true
					got = append(got, name)
				}
			}
			require.ElementsMatch(t, tt.want, got)
		})
	}
}
