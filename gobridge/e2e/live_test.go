//go:build e2e

package e2e

import (
	"encoding/json"
	"fmt"
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

	for _, args := range []string{"", "?id=x", "?id=0", "?client=", "?older=yes"} {
		r, _ := n.get("POST", "/control"+args)
		require.Equal(t, 400, r.StatusCode, args)
	}
	r, _ := n.get("PUT", "/control?older=1")
	require.Equal(t, 405, r.StatusCode)
}

func TestControlDirective(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	for _, tt := range []struct {
		conf
		want string
	}{
		{conf{server: controlLocation}, ""},
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
