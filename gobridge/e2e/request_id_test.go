//go:build e2e

package e2e

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// All events of a connection name the same request.
func TestRequestID(t *testing.T) {
	t.Parallel()
	n := start(t, conf{location: "wallarm_mode monitoring;"})
	client, backend := n.connect()
	client.send(text(xss), text(sqli))
	backend.expect(text(xss), text(sqli))
	var ids []string
	for _, e := range n.events(2) {
		var fields struct {
			HTTP struct {
				Request struct {
					ID string `json:"id"`
				} `json:"request"`
			} `json:"http"`
		}
		require.NoError(t, json.Unmarshal([]byte(e.Line), &fields))
		ids = append(ids, fields.HTTP.Request.ID)
	}
	require.Len(t, ids[0], 32)
	require.Equal(t, ids[0], ids[1])
}
