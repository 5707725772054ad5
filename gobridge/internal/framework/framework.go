// Package framework opens the envelope in which a framework wraps messages. Its
// output is the Envelope.
//
// A framework is a file with its spec and its Decoder, and its line in
// registry.go; docs/extending.md has the steps.
//
// Paths begin at what the framework hands to the application: "$[0]" is the
// first argument of an event or an ack, "$event" its name, "$message" what the
// framework keeps to itself, or the whole message where it may be none of the
// framework's.
package framework

import (
	"sync/atomic"

	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// Message is one whole, inflated data message.
type Message struct {
	Opcode  ws.Opcode // OpText or OpBinary; it gates no decoding but socket.io's
	Payload []byte    // valid during Decode only
}

// Envelope says what an application message was. Its bytes are valid until the
// next Record or Decode.
type Envelope struct {
	// Framework is the name of a spec, "none" for a message of no framework.
	Framework string
	// Event is the name the application dispatches on: event, hub method,
	// destination, topic, operation; empty if there is none. At most 256 bytes
	// of it. What a framework sends for itself has the name of its packet.
	Event []byte
	// Format is "json", "text", "binary", ...; "" when the message carries no
	// payload.
	Format string
	// Kind says what the message is to the application.
	Kind Kind
	// Doc is the document, as it stands, that has what the application gets, by
	// Shape: JSON, or where Format says so MessagePack or CBOR. nil: it is none
	// of them, or nobody looked.
	Doc   []byte
	Shape *format.Shape // nil: all of it
}

// Kind of an Envelope.
type Kind uint8

// The kinds. The zero value is a message that the application may get.
const (
	Application Kind = iota
	// Own: the framework keeps it to itself.
	Own
	// Subscribe: the peer asks for what has the name of the event. It is no
	// data of it.
	Subscribe
	// Again: a WebSocket message as it stands, whose application messages are
	// recorded, too.
	Again
	// Doubtful: the same, where these may be none of the framework's.
	Doubtful
)

// Out takes what a decoder finds.
type Out struct {
	// Visit takes every string.
	Visit format.Visit
	// Record ends an application message: the fields since the last one are
	// e's. A WebSocket message has one or more of them, or none as long as the
	// application's is not complete.
	Record func(e Envelope)
	// Violate takes a limit that was exceeded.
	Violate func(v ws.Violation)
	// Limit is Handshake.Limit.
	Limit int
}

// Decoder opens the messages of one direction of one session. It keeps state
// between messages and is not safe for concurrent use.
type Decoder interface {
	// Decode visits every string of m. It never fails: what the framework
	// does not understand goes to the generic decoder.
	Decode(m Message, w *format.Walker, out *Out)

	// Alike tells decoders by what they make of the next message: those with
	// the same number visit the same strings and change nothing. 0: it depends
	// on earlier messages, or later ones depend on it.
	Alike() int

	// Size is how many bytes are kept between messages, beyond the struct.
	Size() int
}

// stateless is embedded by decoders that keep nothing.
type stateless struct{}

func (stateless) Size() int { return 0 }

// maxEvent is how many bytes of an Envelope's Event there are at most.
const maxEvent = 256

// Handshake is what a framework can be recognised by before the first message.
type Handshake struct {
	Target      string // request target
	Subprotocol string // agreed on
	// Limit is the largest application message in bytes, where it is joined
	// from several WebSocket messages; 0: none.
	Limit int
}

// link is what the decoders of the two directions share. They may run at the
// same time.
type link struct {
	limit       int
	subprotocol string // of the handshake that told the framework
	inside      *found // of what is in SockJS
	// variant is the version or format that the peers agreed on, in the
	// framework's own numbers.
	variant atomic.Int32
	// confirmed: the server answered in the framework's terms.
	confirmed atomic.Bool
	// denied: what the server said is not the framework's, or was said before
	// the client had begun.
	denied atomic.Bool
}
