// Package framework opens the envelope in which a framework wraps messages:
// Engine.IO and socket.io. Its output is the Envelope.
//
// Paths begin at what the framework hands to the application: "$[0]" is the
// first argument of an event or an ack, "$event" its name, "$nsp" the
// namespace, "$attachment[0]" a binary attachment without a placeholder, and
// "$message" the whole message where its first character may be no packet type.
package framework

import (
	"wsi/gobridge/internal/format"
	"wsi/gobridge/internal/ws"
)

// Message is one whole, inflated data message.
type Message struct {
	Opcode  ws.Opcode // OpText or OpBinary
	Payload []byte    // valid during Decode only
}

// Envelope says what a message was. Its bytes are valid until the next Decode.
type Envelope struct {
	// Framework is "socket.io", "engine.io" or "none".
	Framework string
	// Event is the name the application dispatches on, empty if there is none;
	// at most 256 bytes of it. socket.io packets that are no events are
	// "connect", "disconnect", "connect_error" and "ack".
	Event []byte
	// Format is "json", "text" or "binary"; "" when the message carries no
	// payload.
	Format string
}

// Decoder opens the messages of one direction of one session. It keeps state
// between messages (announced attachments) and is not safe for concurrent use.
type Decoder interface {
	// Decode visits every string of m. It never fails: what the framework
	// does not understand goes to the generic decoder.
	Decode(m Message, w *format.Walker, visit format.Visit) Envelope

	// Alike tells decoders by what they make of the next message: those with
	// the same number visit the same strings. 0: it depends on earlier messages.
	Alike() int
}

// What Decoder.Alike returns.
const (
	alikePlain = 1 + iota
	alikeEngineIO
)
