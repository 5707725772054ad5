package capture

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

const header = `{"request":"GET / HTTP/1.1\r\n\r\n","response":"HTTP/1.1 101 OK\r\n\r\n","name":"x","kind":"websocket"}` + "\n"

func TestRoundTrip(t *testing.T) {
	const file = header +
		`{"dir":"c2s","t":1,"b64":"AP8="}` + "\n" +
		`{"dir":"s2c","t":20,"b64":""}` + "\n"

	r, err := NewReader(strings.NewReader(file), "x.jsonl")
	require.NoError(t, err)
	require.Equal(t, "GET / HTTP/1.1\r\n\r\n", *r.Header.Request)
	require.Equal(t, "HTTP/1.1 101 OK\r\n\r\n", *r.Header.Response)

	var out bytes.Buffer
	w, err := NewWriter(&out, r.Header)
	require.NoError(t, err)
	var chunks []Chunk
	for {
		c, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		chunks = append(chunks, c)
		require.NoError(t, w.Write(c))
	}
	require.Equal(t, []Chunk{
		{Direction: ws.FromClient, Time: 1, Data: []byte{0, 0xff}},
		{Direction: ws.FromServer, Time: 20, Data: []byte{}},
	}, chunks)
	require.Equal(t, file, out.String())
}

func TestHTTP(t *testing.T) {
	var out bytes.Buffer
	w, err := NewWriter(&out, Header{Name: "x.http", Kind: KindHTTP})
	require.NoError(t, err)
	require.NoError(t, w.Write(Chunk{Conn: 3, Direction: ws.FromServer, Time: 7}))
	require.Equal(t, `{"request":null,"response":null,"name":"x.http","kind":"http"}`+"\n"+
		`{"conn":3,"dir":"s2c","t":7,"b64":""}`+"\n", out.String())

	r, err := NewReader(&out, "x")
	require.NoError(t, err)
	c, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, Chunk{Conn: 3, Direction: ws.FromServer, Time: 7, Data: []byte{}}, c)
}

func TestReaderSkipsEmptyLines(t *testing.T) {
	r, err := NewReader(strings.NewReader("\r\n"+header+"\n\r\n"+`{"dir":"c2s","t":1.5,"b64":"YQ=="}`+"\r\n\n"), "x")
	require.NoError(t, err)
	c, err := r.Next()
	require.NoError(t, err)
	require.Equal(t, Chunk{Direction: ws.FromClient, Time: 1, Data: []byte("a")}, c)
	require.Equal(t, 5, r.Line())
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
}

func TestReaderRejects(t *testing.T) {
	tests := []struct{ name, file, err string }{
		{"nothing", "", "f.jsonl:1: no header line"},
		{"not JSON", "GET / HTTP/1.1\n", "f.jsonl:1: invalid character"},
		{"not an object", "[]\n", "f.jsonl:1: json: cannot unmarshal"},
		{"chunk first", `{"dir":"c2s","t":1,"b64":""}` + "\n", `f.jsonl:1: header of kind ""`},
		{"websocket without texts", `{"request":null,"response":null,"name":"x","kind":"websocket"}` + "\n", "f.jsonl:1: header without request or response"},
		{"chunk not JSON", header + "{\n", "f.jsonl:2: unexpected end"},
		{"chunk of wrong type", header + `{"dir":1}` + "\n", "f.jsonl:2: json: cannot unmarshal"},
		{"no direction", header + `{"t":1,"b64":""}` + "\n", `f.jsonl:2: dir is ""`},
		{"time negative", header + `{"dir":"c2s","t":-1,"b64":""}` + "\n", "f.jsonl:2: t is -1"},
		{"time too large", header + `{"dir":"c2s","t":1e300,"b64":""}` + "\n", "f.jsonl:2: t is 1e+300"},
		{"no bytes", header + `{"dir":"c2s","t":1}` + "\n", "f.jsonl:2: no b64"},
		{"broken base64", header + "\n" + `{"dir":"c2s","t":1,"b64":"*"}` + "\n", "f.jsonl:3: illegal base64"},
		{"line too long", header + strings.Repeat("x", MaxLine+1), "f.jsonl:2: bufio.Scanner: token too long"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := NewReader(strings.NewReader(tt.file), "f.jsonl")
			if err == nil {
				_, err = r.Next()
			}
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()

	_, err := Open(filepath.Join(dir, "absent.jsonl"))
	require.ErrorIs(t, err, os.ErrNotExist)
	require.ErrorContains(t, err, "absent.jsonl")

	path := filepath.Join(dir, "empty.jsonl")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	_, err = Open(path)
	require.EqualError(t, err, path+":1: no header line")

	path = filepath.Join(dir, "x.jsonl")
	require.NoError(t, os.WriteFile(path, []byte(header), 0o600))
	r, err := Open(path)
	require.NoError(t, err)
	_, err = r.Next()
	require.Equal(t, io.EOF, err)
	require.NoError(t, r.Close())
}

type fullDisk struct{ left int }

func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left -= len(p); d.left < 0 {
		return 0, errors.New("no space left")
	}
	return len(p), nil
}

func TestWriterReportsErrors(t *testing.T) {
	_, err := NewWriter(&fullDisk{}, Header{})
	require.EqualError(t, err, "no space left")

	w, err := NewWriter(&fullDisk{80}, Header{Kind: KindHTTP})
	require.NoError(t, err)
	require.EqualError(t, w.Write(Chunk{Data: make([]byte, 80)}), "no space left")
}

// FuzzReader holds that a reader ends, and that what it accepts survives a
// round trip.
func FuzzReader(f *testing.F) {
	f.Add([]byte(header + `{"dir":"c2s","t":1,"b64":"AP8="}` + "\n"))
	f.Add([]byte(`{"request":null,"response":null,"name":"x.http","kind":"http"}` + "\n" + `{"conn":3,"dir":"s2c","t":7,"b64":""}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file), "f")
		if err != nil {
			return
		}
		for {
			c, err := r.Next()
			if err != nil {
				return
			}
			var out bytes.Buffer
			w, _ := NewWriter(&out, r.Header)
			if err := w.Write(c); err != nil {
				t.Fatal(err)
			}
			again, err := NewReader(&out, "again")
			if err != nil {
				t.Fatal(err)
			}
			d, err := again.Next()
			if err != nil || d.Conn != c.Conn || d.Direction != c.Direction || d.Time != c.Time || !bytes.Equal(d.Data, c.Data) {
				t.Fatalf("%+v came back as %+v, %v", c, d, err)
			}
		}
	})
}
