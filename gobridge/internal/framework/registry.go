package framework

import "wsi/gobridge/internal/ws"

// spec is one framework: how it is recognised, and its decoders.
//
// The client chooses what it looks like, so a wrong guess hides nothing: what a
// decoder does not understand is visited as it is.
type spec struct {
	name string
	// handshake reports whether a connection is the framework's from its
	// beginning. nil: no handshake says so.
	handshake func(h *Handshake) bool
	// first reports whether p, one of the first messages of a peer, is the
	// framework's. It is asked only where no handshake said anything. nil: no
	// message says so.
	first func(from ws.Direction, p []byte) bool
	// begins reports whether the client's stream p may become what first takes.
	// Its servers join messages: first is asked whatever the handshake said,
	// which a client may choose, and of the first messages joined. nil: they do
	// not.
	begins func(p []byte) bool
	// decoder makes the decoder of one direction.
	decoder func(l *link, from ws.Direction) Decoder
}

// registry has every framework, the more specific first.
var registry = []*spec{
	&wamp1Spec,
	&wamp2Spec,
	&actionCableSpec,
	&graphQLSpec,
	&phoenixSpec,
	&pusherSpec,
	&engineIOSpec,
	&sockJSSpec,
	&stompSpec,
	&mqttSpec,
	&signalRSpec,
	&natsSpec,
	&ddpSpec,
	&jsonRPCSpec,
	&firebaseSpec,
	&signalRClassicSpec,
	&ablySpec,
	&centrifugoSpec,
	&primusSpec,
	&bayeuxSpec,
	&xmppSpec,
	&discordSpec,
	&kubernetesSpec,
	&colyseusSpec,
	&yjsSpec,
	&rpcSpec,
	&automergeSpec,
	&guacamoleSpec,
}
