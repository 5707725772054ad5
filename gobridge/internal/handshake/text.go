package handshake

import (
	"errors"
	"strings"
)

// ParseTexts reads both messages of an opening handshake as they stood on the
// wire. Lines may end in LF alone.
func ParseTexts(request, response string) (Offer, Answer, error) {
	line, fields := cutLine(request)
	part := strings.Fields(line)
	if len(part) != 3 || !strings.HasPrefix(part[2], "HTTP/") {
		return Offer{}, Answer{}, errors.New("handshake: no request line")
	}
	o := Offer{
		Method:       part[0],
		Target:       part[1],
		Protocol:     part[2],
		Key:          header(fields, "Sec-WebSocket-Key"),
		Version:      header(fields, "Sec-WebSocket-Version"),
		Subprotocols: header(fields, "Sec-WebSocket-Protocol"),
		Extensions:   header(fields, "Sec-WebSocket-Extensions"),
	}

	line, fields = cutLine(response)
	part = strings.Fields(line)
	if len(part) < 2 || !strings.HasPrefix(part[0], "HTTP/") || part[1] != "101" {
		return Offer{}, Answer{}, errors.New("handshake: response is not a 101")
	}
	return o, Answer{
		Upgrade:     header(fields, "Upgrade"),
		Accept:      header(fields, "Sec-WebSocket-Accept"),
		Subprotocol: header(fields, "Sec-WebSocket-Protocol"),
		Extensions:  header(fields, "Sec-WebSocket-Extensions"),
	}, nil
}

// header joins the values of all lines of one field, up to the empty line.
func header(fields, name string) string {
	value := ""
	for fields != "" {
		var line string
		if line, fields = cutLine(fields); line == "" {
			break
		}
		n, v, ok := strings.Cut(line, ":")
		if !ok || !strings.EqualFold(n, name) {
			continue
		}
		if value != "" {
			value += ", "
		}
		value += trim(v)
	}
	return value
}

func cutLine(s string) (line, rest string) {
	line, rest, _ = strings.Cut(s, "\n")
	return strings.TrimSuffix(line, "\r"), rest
}
