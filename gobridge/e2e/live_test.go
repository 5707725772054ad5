//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

const controlLocation = "location = /control { wallarm_websocket_control; access_log off; }\n"

type live struct {
	ID       int    `json:"id"`
	PID      int    `json:"pid"`
	Client   string `json:"client"`
	URI      string `json:"uri"`
	Key      string `json:"key"`
	Older    bool   `json:"older"`
	Age      int    `json:"age"`
	Messages int    `json:"messages"`
	Bytes    int    `json:"bytes"`
	Attacks  int    `json:"attacks"`
}

func (n *nginx) lives() (total int, all []live) {
	n.Helper()
	r, body := n.get("GET", "/control")
	require.Equal(n, 200, r.StatusCode)
	require.Equal(n, "application/json", r.Header.Get("Content-Type"))
	var list struct {
		Total       int    `json:"total"`
		Unlisted    int    `json:"unlisted"`
		Connections []live `json:"connections"`
	}
	require.NoError(n, json.Unmarshal([]byte(body), &list), "%s", body)
	require.Zero(n, list.Unlisted)
	return list.Total, list.Connections
}

// Any worker lists the connections of all, and closes them by id, by client, or
// those of older configurations.
func TestControl(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	c := conf{workers: 4, server: controlLocation}
	n.write("nginx.conf", n.config(t, c))
	n.run()
	n.ready(4)
	total, _ := n.lives()
	require.Zero(t, total)
	go n.echo()
	connect := func(target string) *peer {
		p := n.client()
		p.send(request(target))
		require.Equal(t, "101", p.status())
		return p
	}
	open := []*peer{}
	for i := range 12 {
		p := connect(fmt.Sprintf("/%d?token=secret", i))
		p.send(text("hello"))
		p.expect(server("hello").Bytes())
		open = append(open, p)
	}
	special := connect(`/a%22%0ab`)
	total, all := n.lives()
	require.Equal(t, 13, total)
	require.Len(t, all, 13)
	for i, l := range all[:12] {
		require.Equal(t, "127.0.0.1", l.Client)
		require.Equal(t, fmt.Sprintf("/%d", i), l.URI)
		require.Equal(t, 2, l.Messages)
		require.Equal(t, 10, l.Bytes)
		require.Contains(t, n.workers(), l.PID)
		require.False(t, l.Older)
	}
	require.Equal(t, "/a\"\nb", all[12].URI)

	command := func(method, args, want string) {
		t.Helper()
		r, body := n.get(method, "/control?"+args)
		require.Equal(t, 200, r.StatusCode)
		require.Equal(t, want+"\n", body)
	}
	command("DELETE", fmt.Sprintf("id=%d", all[3].ID), `{"closing":1}`)
	open[3].closed(false, ws.ClosePolicyViolation)
	n.eventually("gone", func() bool { total, _ := n.lives(); return total == 12 })
	command("POST", "client=127.0.0.2", `{"closing":0}`)
	command("POST", "older=1", `{"closing":0}`)

	n.reload()
	n.ready(8)
	fresh := connect("/new")
	command("POST", "older=1", `{"closing":12}`)
	for i, p := range append(open, special) {
		if i != 3 {
			p.closed(false, 1012)
		}
	}
	fresh.send(text("still here"))
	fresh.expect(server("still here").Bytes())
	n.eventually("gone", func() bool { total, _ := n.lives(); return total == 1 })
	command("POST", "client=127.0.0.1", `{"closing":1}`)
	fresh.closed(false, ws.ClosePolicyViolation)

	for _, args := range []string{"", "?id=x", "?id=0", "?client=", "?key=", "?older=yes"} {
		r, _ := n.get("POST", "/control"+args)
		require.Equal(t, 400, r.StatusCode, args)
	}
	r, _ := n.get("PUT", "/control?older=1")
	require.Equal(t, 405, r.StatusCode)
}

// All connections of a key are closed, whatever is in it and whichever workers
// have them.
func TestControlKey(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true, workers: 4})
	n.write("nginx.conf", n.config(t, conf{noLocation: true, workers: 4,
		http:   "wallarm_parse_websocket on; wallarm_websocket_control_key $arg_user;",
		server: controlLocation + n.location("/inherits", "") + n.location("/other", `wallarm_websocket_control_key "$arg_user at $arg_room";`)}))
	n.run()
	n.ready(4)
	go n.echo()
	connect := func(target string) *peer {
		p := n.client()
		p.send(request(target))
		require.Equal(t, "101", p.status())
		return p
	}
	long := strings.Repeat("k", 100)
	targets := []string{"/inherits?user=mallory", "/inherits?user=alice", "/other?user=mallory&room=7", "/inherits?user=" + long + "1",
		"/inherits?user=" + long + "2", "/inherits", "/inherits?user=a\xff\"é"}
	peers := map[string][]*peer{}
	for range 8 {
		for _, target := range targets {
			peers[target] = append(peers[target], connect(target))
		}
	}
	keys := map[string]int{}
	total, all := n.lives()
	require.Equal(t, 8*len(targets), total)
	for _, l := range all {
		keys[l.Key]++
	}
	require.Equal(t, map[string]int{"mallory": 8, "alice": 8, "mallory at 7": 8, long[:96]: 16, "": 8, "a?\"é": 8}, keys)
	command := func(args string, closing int) {
		t.Helper()
		r, body := n.get("POST", "/control?"+args)
		require.Equal(t, 200, r.StatusCode)
		require.Equal(t, fmt.Sprintf("{\"closing\":%d}\n", closing), body)
	}
	command("key=mallory&client=127.0.0.2", 0)
	command("key=mal", 0)
	command("key="+long[:96], 0)
	for args, target := range map[string]string{"key=mallory": targets[0], "key=m%61llory%20at%207": targets[2], "key=" + long + "2": targets[4],
		"key=a%ff%22%c3%a9": targets[6]} {
		command(args, 8)
		for _, p := range peers[target] {
			p.closed(false, ws.ClosePolicyViolation)
		}
		delete(peers, target)
	}
	for _, list := range peers {
		for _, p := range list {
			p.send(text("still here"))
			p.expect(server("still here").Bytes())
		}
	}
}

func TestControlDirective(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	for _, tt := range []struct {
		conf
		want string
	}{
		{conf{server: controlLocation}, ""},
		{conf{http: "wallarm_websocket_control_key $remote_user;", server: "wallarm_websocket_control_key $arg_a$arg_b;"}, ""},
		{conf{http: "wallarm_websocket_control_key $nothing_of_that_name;"}, `unknown "nothing_of_that_name" variable`},
		{conf{http: "wallarm_websocket_control_key $uri; wallarm_websocket_control_key $uri;"}, `"wallarm_websocket_control_key" directive is duplicate in`},
		{conf{http: "wallarm_websocket_control_key;"}, `invalid number of arguments in "wallarm_websocket_control_key" directive in`},
		{conf{server: "wallarm_websocket_control;"}, `"wallarm_websocket_control" directive is not allowed here in`},
		{conf{http: "wallarm_websocket_control;"}, `"wallarm_websocket_control" directive is not allowed here in`},
		{conf{server: "location = /c { wallarm_websocket_control on; }"}, `invalid number of arguments in "wallarm_websocket_control" directive in`},
		{conf{server: "location = /c { wallarm_websocket_control; wallarm_websocket_control; }"}, `"wallarm_websocket_control" directive is duplicate in`},
	} {
		n.write("nginx.conf", n.config(t, tt.conf))
		out, ok := n.test()
		require.Equal(t, tt.want == "", ok, out)
		require.Contains(t, out, tt.want)
	}
}
