package event

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// The page has the fields of the schema and no others, and its examples, one of
// each dataset, are events.
func TestDocumentedFields(t *testing.T) {
	b, err := os.ReadFile("../../../docs/events.md")
	require.NoError(t, err)
	page := string(b)
	var documented, fields []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(page, -1) {
		documented = append(documented, m[1])
	}

	type node struct {
		Ref        string `json:"$ref"`
		Type       string
		Properties map[string]json.RawMessage
		Items      json.RawMessage
		Defs       map[string]json.RawMessage `json:"$defs"`
	}
	parse := func(raw []byte) (n node) {
		require.NoError(t, json.Unmarshal(raw, &n))
		return n
	}
	root := parse([]byte(schemaText))
	var walk func(n node, path string)
	walk = func(n node, path string) {
		if n.Ref != "" {
			n = parse(root.Defs[strings.TrimPrefix(n.Ref, "#/$defs/")])
		}
		if n.Type == "array" {
			if n = parse(n.Items); n.Type == "object" {
				fields = append(fields, path)
			}
		}
		if n.Type != "object" {
			fields = append(fields, path)
			return
		}
		for name, p := range n.Properties {
			walk(parse(p), strings.TrimPrefix(path+"."+name, "."))
		}
	}
	walk(root, "")
	require.ElementsMatch(t, fields, documented)

	var datasets []string
	for _, m := range regexp.MustCompile("(?s)```json\n(.*?)```").FindAllStringSubmatch(page, -1) {
		doc, err := jsonschema.UnmarshalJSON(strings.NewReader(m[1]))
		require.NoError(t, err)
		require.NoError(t, schema(t).Validate(doc))
		datasets = append(datasets, doc.(map[string]any)["event"].(map[string]any)["dataset"].(string))
	}
	require.Equal(t, []string{
		"wallarm_websocket.attack", "wallarm_websocket.ignored", "wallarm_websocket.violation", "wallarm_websocket.connection",
	}, datasets)
}
