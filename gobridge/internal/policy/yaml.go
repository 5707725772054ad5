package policy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v3"
)

var errMerge = errors.New(`the merge key "<<" is not taken`)

// decodeYAML reads one document of what YAML has in common with JSON, into what
// decode makes of JSON. Errors have their line. An alias counts with all that it
// stands for, so that aliases of aliases do not grow beyond any size.
func decodeYAML(text []byte) (any, error) {
	d := yaml.NewDecoder(bytes.NewReader(text))
	var root, more yaml.Node
	if err := d.Decode(&root); err != nil {
		if err == io.EOF {
			err = errors.New("no document")
		}
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := d.Decode(&more); err != io.EOF {
		return nil, errBehind
	}
	y := yamlReader{}
	v, err := y.value(&root, 0)
	if err != nil {
		return nil, fmt.Errorf("line %d: %w", y.line, err)
	}
	return v, nil
}

type yamlReader struct {
	values int
	line   int // of the node that is being read
}

func (y *yamlReader) value(n *yaml.Node, depth int) (any, error) {
	y.line = n.Line
	if y.values++; y.values > maxDocumentValues {
		return nil, errMany
	}
	if depth > maxDocumentDepth {
		return nil, errDeep
	}
	switch n.Kind {
	case yaml.DocumentNode:
		return y.value(n.Content[0], depth)
	case yaml.AliasNode:
		return y.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i := range n.Content {
			var err error
			if list[i], err = y.value(n.Content[i], depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		return y.mapping(n, depth)
	}
	return scalar(n)
}

func (y *yamlReader) mapping(n *yaml.Node, depth int) (any, error) {
	object := map[string]any{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		y.line = key.Line
		switch {
		case key.Kind == yaml.AliasNode:
			key = key.Alias
		case key.Tag == "!!merge":
			return nil, errMerge
		}
		if key.Kind != yaml.ScalarNode {
			return nil, errors.New("a key that is no text")
		}
		if _, ok := object[key.Value]; ok {
			return nil, errTwice
		}
		v, err := y.value(n.Content[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		object[key.Value] = v
	}
	return object, nil
}

// scalar is a value as JSON has it: a date stays the text that it is.
func scalar(n *yaml.Node) (any, error) {
	switch n.ShortTag() {
	case "!!null":
		return nil, nil
	case "!!bool":
		var b bool
		err := n.Decode(&b)
		return b, err
	case "!!int", "!!float":
		if err := checkNumber(n.Value); err != nil {
			return nil, err
		}
		if json.Valid([]byte(n.Value)) {
			return json.Number(n.Value), nil
		}
		var v any // octal, hexadecimal, with underscores
		if err := n.Decode(&v); err != nil {
			return nil, err
		}
		text, err := json.Marshal(v)
		if err != nil {
			return nil, fmt.Errorf("the number %q is none of JSON", n.Value)
		}
		return json.Number(text), nil
	case "!!str", "!!timestamp":
		return n.Value, nil
	}
	return nil, fmt.Errorf("the tag %q is not taken", n.ShortTag())
}
