package main

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"github.com/fxamacker/cbor/v2"
	"github.com/tinylib/msgp/msgp"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/x/bsonx/bsoncore"
	"google.golang.org/protobuf/encoding/protowire"

	"wsi/gobridge/internal/format"
)

// chat is a message of the history, for the libraries to encode.
type chat struct {
	ID   int      `cbor:"id" bson:"id"`
	Room string   `cbor:"room" bson:"room"`
	User string   `cbor:"user" bson:"user"`
	Text string   `cbor:"text" bson:"text"`
	Tags []string `cbor:"tags" bson:"tags"`
	Read bool     `cbor:"read" bson:"read"`
}

// chats are messages that take size bytes or a bit more.
func chats(size int) (list []chat) {
	for i := 0; i*90 < size; i++ {
		list = append(list, chat{i, "general", "alice", prose[:30+i%50], []string{"a", "b"}, true})
	}
	return list
}

func chatMessagePack(size int) []byte {
	list := chats(size)
	doc := msgp.AppendArrayHeader(nil, uint32(len(list)))
	for _, c := range list {
		doc = msgp.AppendMapHeader(doc, 6)
		doc = msgp.AppendInt(msgp.AppendString(doc, "id"), c.ID)
		doc = msgp.AppendString(msgp.AppendString(doc, "room"), c.Room)
		doc = msgp.AppendString(msgp.AppendString(doc, "user"), c.User)
		doc = msgp.AppendString(msgp.AppendString(doc, "text"), c.Text)
		doc = msgp.AppendArrayHeader(msgp.AppendString(doc, "tags"), 2)
		doc = msgp.AppendString(msgp.AppendString(doc, "a"), "b")
		doc = msgp.AppendBool(msgp.AppendString(doc, "read"), c.Read)
	}
	return doc
}

// must is what an encoder of a library returned.
func must(doc []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return doc
}

func chatCBOR(size int) []byte { return must(cbor.Marshal(chats(size))) }

func chatBSON(size int) []byte { return must(bson.Marshal(bson.M{"list": chats(size)})) }

func chatProtobuf(size int) (doc []byte) {
	for _, c := range chats(size) {
		var m []byte
		m = protowire.AppendVarint(protowire.AppendTag(m, 1, protowire.VarintType), uint64(c.ID))
		m = protowire.AppendString(protowire.AppendTag(m, 2, protowire.BytesType), c.Room)
		m = protowire.AppendString(protowire.AppendTag(m, 3, protowire.BytesType), c.User)
		m = protowire.AppendString(protowire.AppendTag(m, 4, protowire.BytesType), c.Text)
		doc = protowire.AppendBytes(protowire.AppendTag(doc, 1, protowire.BytesType), m)
	}
	return doc
}

// walkMessagePack is ours, where the format is known, as with SignalR.
func walkMessagePack(doc []byte) func() {
	w := new(format.Walker)
	return func() {
		if !w.MessagePack(doc, format.Root{}, visit) {
			panic("not MessagePack")
		}
	}
}

func walkCBOR(doc []byte) func() {
	w := new(format.Walker)
	return func() {
		if !w.CBOR(doc, format.Root{}, visit) {
			panic("not CBOR")
		}
	}
}

// msgpTokens reads doc from token to token, and looks at every string. What is a
// key, and where an array or a map ends, is not told.
func msgpTokens(doc []byte) func() {
	return func() {
		for rest := doc; len(rest) > 0; {
			var s []byte
			var err error
			switch msgp.NextType(rest) {
			case msgp.StrType:
				s, rest, err = msgp.ReadStringZC(rest)
				visited += len(s)
			case msgp.ArrayType:
				_, rest, err = msgp.ReadArrayHeaderBytes(rest)
			case msgp.MapType:
				_, rest, err = msgp.ReadMapHeaderBytes(rest)
			default:
				rest, err = msgp.Skip(rest)
			}
			if err != nil {
				panic(err)
			}
		}
	}
}

// msgpWalk reads doc as the tree that it is, and gives its keys and texts to visit;
// valid wants them to be UTF-8, as in CBOR they have to be.
func msgpWalk(doc []byte, valid bool) func() {
	f := new(format.Field)
	return func() {
		for rest := doc; len(rest) > 0; {
			var err error
			if rest, err = msgpValue(rest, f, false, valid); err != nil {
				panic(err)
			}
		}
	}
}

func msgpValue(p []byte, f *format.Field, key, valid bool) (rest []byte, err error) {
	var n uint32
	switch msgp.NextType(p) {
	case msgp.StrType:
		f.Value, rest, err = msgp.ReadStringZC(p)
		if valid && !utf8.Valid(f.Value) {
			panic("not UTF-8")
		}
		f.Key = key
		visitor(f)
	case msgp.ArrayType:
		for n, rest, err = msgp.ReadArrayHeaderBytes(p); n > 0 && err == nil; n-- {
			rest, err = msgpValue(rest, f, false, valid)
		}
	case msgp.MapType:
		for n, rest, err = msgp.ReadMapHeaderBytes(p); n > 0 && err == nil; n-- {
			if rest, err = msgpValue(rest, f, true, valid); err == nil {
				rest, err = msgpValue(rest, f, false, valid)
			}
		}
	default:
		return msgp.Skip(p)
	}
	return rest, err
}

func cborWellformed(doc []byte) func() {
	return func() {
		if err := cbor.Wellformed(doc); err != nil {
			panic(err)
		}
	}
}

// bsonWalk looks at every string of doc.
func bsonWalk(doc []byte) func() {
	var walk func(bsoncore.Document)
	walk = func(d bsoncore.Document) {
		rest := d[4 : len(d)-1]
		for len(rest) > 0 {
			e, next, ok := bsoncore.ReadElement(rest)
			if !ok {
				panic("not BSON")
			}
			rest = next
			visited += len(e.KeyBytes())
			v := e.Value()
			switch v.Type {
			case bsoncore.TypeString:
				s, _, _ := bsoncore.ReadString(v.Data)
				visited += len(s)
			case bsoncore.TypeEmbeddedDocument, bsoncore.TypeArray:
				walk(v.Data)
			}
		}
	}
	return func() { walk(doc) }
}

// protoWalk looks at every field of doc and of the messages in it.
func protoWalk(doc []byte) func() {
	var walk func(p []byte, depth int)
	walk = func(p []byte, depth int) {
		for len(p) > 0 {
			_, kind, n := protowire.ConsumeTag(p)
			p = p[n:]
			if kind != protowire.BytesType {
				p = p[protowire.ConsumeFieldValue(1, kind, p):]
				continue
			}
			s, n := protowire.ConsumeBytes(p)
			p = p[n:]
			if depth > 0 {
				walk(s, depth-1)
			} else {
				visited += len(s)
			}
		}
	}
	return func() { walk(doc, 1) }
}

func binaryRows() []row {
	const size = 16 << 10
	pack, cborDoc, bsonDoc, proto := chatMessagePack(size), chatCBOR(size), chatBSON(size), chatProtobuf(size)
	return []row{
		{"MessagePack, chat history", len(pack), "tinylib/msgp walk", 1, walkMessagePack(pack), msgpWalk(pack, false)},
		{"MessagePack, chat history", len(pack), "tinylib/msgp, tokens only", 0, walkMessagePack(pack), msgpTokens(pack)},
		{"CBOR, chat history", len(cborDoc), "tinylib/msgp walk of the same, UTF-8", 1, walkCBOR(cborDoc), msgpWalk(pack, true)},
		{"CBOR, chat history", len(cborDoc), "tinylib/msgp walk of the same", 0, walkCBOR(cborDoc), msgpWalk(pack, false)},
		{"CBOR, chat history", len(cborDoc), "fxamacker/cbor Wellformed", 0, walkCBOR(cborDoc), cborWellformed(cborDoc)},
		{"BSON, guessed", len(bsonDoc), "bsoncore walk", 0, walk(bsonDoc), bsonWalk(bsonDoc)},
		{"Protocol Buffers, guessed", len(proto), "protowire walk", 0, walk(proto), protoWalk(proto)},
	}
}

// binaryGrowths are documents of binary formats, and what only begins like one.
func binaryGrowths() (out []growth) {
	for _, d := range []struct {
		name string
		make func(size int) []byte
	}{
		{"MessagePack", chatMessagePack}, {"CBOR", chatCBOR}, {"BSON", chatBSON}, {"Protocol Buffers", chatProtobuf},
	} {
		out = append(out, growth{d.name, walk(d.make(4 << 10)), walk(d.make(64 << 10))})
	}
	// Strings of Hessian in parts, and what may be strings of FlatBuffers.
	hessian := func(n int) []byte { return append([]byte("z"), bytes.Repeat([]byte("R\x00\x01aS\x00\x01b"), n/8)...) }
	table := func(n int) []byte {
		doc := []byte("\x0c\x00\x00\x00\x06\x00\x08\x00\x04\x00\x00\x00\x08\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00hi\x00\x00")
		return append(doc, bytes.Repeat([]byte("\x03\x00\x00\x00abcd\x05\x00\x00\x00ab\xff\xff"), n/16)...)
	}
	out = append(out, growth{"Hessian, in parts", walk(hessian(4 << 10)), walk(hessian(64 << 10))},
		growth{"FlatBuffers", walk(table(4 << 10)), walk(table(64 << 10))})
	for _, unit := range []string{"\x91", "\x81\xa1a", "\x9f", "\xbf\x61a", "\x7f\x61a", "\x0a\x7e", "\x0b", "[", "{i\x01a", "[$U#", "\x20\x10"} {
		make := func(n int) []byte { return append([]byte{unit[0]}, bytes.Repeat([]byte(unit), n/len(unit))...) }
		out = append(out, growth{fmt.Sprintf("%q", unit), walk(make(4 << 10)), walk(make(64 << 10))})
	}
	return out
}
