package format

import (
	"maps"
	"slices"

	"wsi/gobridge/internal/carrier"
)

// Parsers is a set of formats and carriers: a carrier's bit is its Kind.
type Parsers uint64

const (
	parserJSON Parsers = 1 << (63 - iota)
	parserXML
	parserGraphQL
	parserForm
	parserBinary // binaryFormats[0], and downwards
)

// parsers are the names, as paths have them and as Wallarm calls them.
var parsers = map[string]Parsers{
	"json": parserJSON, "xml": parserXML, "graphql": parserGraphQL, "form": parserForm,
	"gql": parserGraphQL, "urlenc": parserForm,
}

func init() {
	for k := carrier.None + 1; k.String() != ""; k++ {
		parsers[k.String()] = 1 << k
	}
	for i := range binaryFormats {
		binaryFormats[i].bit = parserBinary >> i
		parsers[binaryFormats[i].name] = binaryFormats[i].bit
	}
}

// Parser is the parser that goes by name.
func Parser(name string) (p Parsers, ok bool) {
	p, ok = parsers[name]
	return p, ok
}

// ParserNames lists what Parser knows.
func ParserNames() []string { return slices.Sorted(maps.Keys(parsers)) }

// off reports whether the format is not to be used.
func (w *Walker) off(name string) bool { return w.Off != 0 && w.Off&parsers[name] != 0 }
