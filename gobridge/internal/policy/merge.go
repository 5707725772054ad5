package policy

// Kind is how the statements of levels inside each other combine.
type Kind uint8

// The kinds are those of module/*_policy.c.
const (
	Single Kind = iota // given once; an inner one replaces the outer
	List               // given several times; those of an inner level replace the outer ones
	Every              // given several times; those of an inner level come behind the outer ones
)

// Kinds are those of all directives.
var Kinds = map[string]Kind{
	"wallarm_parser_disable":      List,
	"wallarm_websocket_asyncapi":  Single,
	"wallarm_websocket_event":     List,
	"wallarm_websocket_ignore":    Every,
	"wallarm_websocket_paranoia":  Single,
	"wallarm_websocket_profile":   List,
	"wallarm_websocket_rate":      List,
	"wallarm_websocket_redact":    List,
	"wallarm_websocket_rules":     Every,
	"wallarm_websocket_schema":    List,
	"wallarm_websocket_violation": Every,
}

// Merge is the statements of the outer level that hold in an inner one, then
// those of the inner.
func Merge(outer, inner []Statement) (merged []Statement) {
	has := map[string]bool{}
	for i := range inner {
		has[inner[i].Name] = true
	}
	for i := range outer {
		if Kinds[outer[i].Name] == Every || !has[outer[i].Name] {
			merged = append(merged, outer[i])
		}
	}
	return append(merged, inner...)
}
