package framework_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/framework"
	"wsi/gobridge/internal/ws"
)

// TestKinds: what a framework keeps to itself, and what is the application's: of
// those that are known by the server's answer only behind that.
func TestKinds(t *testing.T) {
	stomp := framework.Handshake{Target: none, Subprotocol: "v12.stomp"}
	kinds := map[framework.Kind]string{
		framework.Application: "", framework.Own: " own", framework.Subscribe: " subscribe", framework.Again: " again", framework.Doubtful: " doubtful",
	}
	for _, tt := range []struct {
		name      string
		handshake framework.Handshake
		messages  []string // ">" from the client, "<" from the server
		want      []string
	}{
		{"STOMP", stomp, []string{
			">CONNECT\naccept-version:1.2\n\n\x00", ">SUBSCRIBE\nid:1\n\n\x00", "<CONNECTED\nversion:1.2\n\n\x00",
			">SUBSCRIBE\nid:1\ndestination:/topic/a\n\n\x00", ">SEND\ndestination:/app/say\n\nhi\x00", ">SEND\n\nhi\x00",
			">ACK\nid:1\n\n\x00", ">\n", "<RECEIPT\nreceipt-id:1\n\n\x00", "<ERROR\nmessage:a\n\nb\x00", "<MESSAGE\ndestination:/topic/a\n\nhi\x00",
		}, []string{
			"connect own, doubtful", "subscribe, doubtful", "connected own, doubtful",
			"/topic/a subscribe", "/app/say", "send",
			"ack own", "heartbeat own", "receipt own", "error own", "/topic/a",
		}},
		{"STOMP, cut", stomp, []string{
			">CONNECT\n\n\x00", "<CONNECTED\n\n\x00", ">SEND\ndestination:/app/a\n\nhe", ">llo\x00\n",
		}, []string{"connect own, doubtful", "connected own, doubtful", " again", "/app/a, heartbeat own, again"}},
		{"STOMP, the server says something else", stomp, []string{
			">CONNECT\n\n\x00", "<hello", ">ACK\nid:1\n\n\x00",
		}, []string{"connect own, doubtful", ", doubtful", "ack, doubtful"}},
		{"NATS", framework.Handshake{Target: none}, []string{
			"<INFO {\"server_id\":\"a\"}\r\n", ">CONNECT {}\r\n", ">PING\r\n", "<PONG\r\n", ">SUB a.b 1\r\n", ">PUB a.b 2\r\nhi\r\n",
			">UNSUB 1\r\n", "<MSG a.b 1 2\r\nhi\r\n", "<+OK\r\n", ">\r\n",
		}, []string{
			"info own, doubtful", "connect own", "ping own", "pong own", "a.b subscribe", "a.b",
			"unsub own", "a.b", "+ok own", " own",
		}},
		{"MQTT", framework.Handshake{Target: none, Subprotocol: "mqtt"}, []string{
			">\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00", "<\x20\x02\x00\x00", ">\x82\x08\x00\x01\x00\x03a/b\x00", ">\x30\x05\x00\x01ahi",
			">\xc0\x00", "<\x90\x03\x00\x01\x00",
		}, []string{"connect own, doubtful", "connack own, doubtful", "subscribe subscribe", "a", "pingreq own", "suback own"}},
		{"SignalR", framework.Handshake{Target: none}, []string{
			">{\"protocol\":\"json\",\"version\":1}\x1e", ">{\"type\":6}\x1e", "<{}\x1e", ">{\"type\":6}\x1e",
			">{\"type\":1,\"target\":\"Say\",\"arguments\":[]}\x1e", ">{\"type\":3,\"invocationId\":\"1\",\"result\":1}\x1e",
			">{\"type\":4,\"target\":\"Count\",\"arguments\":[]}\x1e", "<{\"type\":2,\"invocationId\":\"1\",\"item\":1}\x1e", "<{\"type\":7}\x1e",
			">{\"type\":99}\x1e",
		}, []string{
			"handshake own, doubtful", "ping, doubtful", "handshake own, doubtful", "ping own",
			"Say", "completion own", "Count", "stream_item own", "close own", "",
		}},
		{"SignalR, MessagePack", framework.Handshake{Target: none}, []string{
			">{\"protocol\":\"messagepack\",\"version\":1}\x1e", "<{}\x1e", ">\x02\x91\x06", ">\x09\x95\x01\x80\xc0\xa3Say\x90", "<\x06\x94\x03\x80\xa1\x31\x02",
		}, []string{"handshake own, doubtful", "handshake own, doubtful", "ping own", "Say", "completion own"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var decoders [2]framework.Decoder
			decoders[ws.FromClient], decoders[ws.FromServer] = framework.Identify(tt.handshake)
			var w format.Walker
			require.Len(t, tt.messages, len(tt.want))
			for i, m := range tt.messages {
				var got []string
				out := framework.Out{
					Visit:   func(*format.Field) {},
					Violate: func(ws.Violation) {},
					Record: func(e framework.Envelope) {
						s := string(e.Event) + kinds[e.Kind]
						if e.Kind == framework.Doubtful || e.Kind == framework.Again && len(got) > 0 {
							s = strings.TrimSpace(s)
						}
						got = append(got, s)
					},
				}
				from := ws.FromClient
				if m[0] == '<' {
					from = ws.FromServer
				}
				decoders[from].Decode(framework.Message{Opcode: ws.OpText, Payload: []byte(m[1:])}, &w, &out)
				require.Equal(t, tt.want[i], strings.Join(got, ", "), "%d %q", i, m)
			}
		})
	}
}
