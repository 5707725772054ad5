package pipeline

import (
	"strings"

	"wsi/gobridge/internal/carrier"
)

// maxCodings is how many codings a Content-Encoding may name.
const maxCodings = 4

// uncoded is p without the codings of a Content-Encoding, which stand in the
// order in which they were applied (RFC 9110 8.4); nil where there are none. At
// most limit bytes are decoded: over says that it was more. ok is false when a
// coding is not known, or is not that of p.
func (j *judge) uncoded(p []byte, codings string, limit int) (out []byte, ok, over bool) {
	names := strings.Split(codings, ",")
	if len(names) > maxCodings {
		return nil, false, false
	}
	for i := len(names) - 1; i >= 0; i-- {
		var kind carrier.Kind
		switch strings.ToLower(strings.Trim(names[i], " \t")) {
		case "", "identity":
			continue
		case "gzip", "x-gzip":
			kind = carrier.Gzip
		case "deflate":
			kind = carrier.Zlib
		case "br":
			kind = carrier.Brotli
		case "zstd":
			kind = carrier.Zstd
		default:
			return out, false, false
		}
		plain, ok, more := j.carrier.Decode(kind, nil, p, limit)
		if !ok && kind == carrier.Zlib {
			// without its header, as some clients have it
			plain, ok, more = j.carrier.Decode(carrier.Deflate, nil, p, limit)
		}
		if !ok {
			return out, false, false
		}
		out, p = plain, plain
		if more {
			return out, true, true
		}
	}
	return out, true, false
}
