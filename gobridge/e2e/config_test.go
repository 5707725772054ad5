//go:build e2e

package e2e

import (
	"debug/elf"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"wsi/gobridge/internal/ws"
)

// test runs nginx -t and returns what it says.
func (n *nginx) test() (string, bool) {
	n.Helper()
	out, err := exec.Command(env(n, "WSI_NGINX"), "-t", "-p", n.dir, "-c", filepath.Join(n.dir, "nginx.conf")).CombinedOutput()
	return string(out), err == nil
}

// Pitfall 20: nginx -t refuses a library that does not fit, and so does a start.
func TestLibraryRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	good, err := os.ReadFile(env(t, "WSI_LIBRARY"))
	require.NoError(t, err)
	file := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, b, 0o644))
		return path
	}
	foreign := append([]byte(nil), good...)
	foreign[18], foreign[19] = byte(elf.EM_RISCV), 0
	class := append([]byte(nil), good...)
	class[4] = byte(elf.ELFCLASS32)
	sections := append([]byte(nil), good...)
	copy(sections[0x28:], "\xff\xff\xff\xff\xff\xff\xff\x7f")
	source := file("other.c", []byte("int other(void) { return 0; }"))
	other := filepath.Join(dir, "other.so")
	out, err := exec.Command("cc", "-shared", "-fPIC", "-o", other, source).CombinedOutput()
	require.NoError(t, err, "%s", out)

	for _, tt := range []struct{ name, library, want string }{
		{"missing", filepath.Join(dir, "missing.so"), `missing.so" failed \(2: No such file or directory\)`},
		{"directory", dir, "wallarm_websocket_library: "},
		{"empty", file("empty.so", nil), "is not a shared library"},
		{"text", file("text.so", []byte(strings.Repeat("no library", 100))), "is not a shared library"},
		{"foreign architecture", file("foreign.so", foreign), `is built for another architecture \(ELF class 2, machine 243\)`},
		{"foreign class", file("class.so", class), "is built for another architecture"},
		{"cut in the header", file("header.so", good[:40]), "is not a shared library"},
		{"cut", file("cut.so", good[:len(good)/2]), "is not the inspection library"},
		{"broken sections", file("sections.so", sections), "is not the inspection library"},
		{"another library", other, "is not the inspection library"},
		{"another ABI", newStub(t, "-DABI=99").library, "has ABI 99, this module needs ABI 7"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			n := start(t, conf{stopped: true, library: tt.library})
			out, ok := n.test()
			require.False(t, ok, out)
			require.Regexp(t, `\[emerg\].*`+tt.want, out)
			require.Regexp(t, `\[emerg\].*invalid "wallarm_websocket_library" in .*nginx.conf:\d+`, out)
		})
	}
	t.Run("beside the module", func(t *testing.T) {
		n := start(t, conf{stopped: true})
		n.allow("inspection library|wallarm_websocket_library")
		module := filepath.Join(n.dir, "module.so")
		b, err := os.ReadFile(env(t, "WSI_MODULE"))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(module, b, 0o644))
		c := n.config(t, conf{})
		c = strings.ReplaceAll(c, env(t, "WSI_MODULE"), module)
		c = strings.Replace(c, "wallarm_websocket_library "+env(t, "WSI_LIBRARY")+";", "", 1)
		n.write("nginx.conf", c)
		out, ok := n.test()
		require.False(t, ok, out)
		require.Contains(t, out, filepath.Join(n.dir, "libwsi.so"))
		require.Contains(t, out, `set "wallarm_websocket_library"`)

		require.NoError(t, os.WriteFile(filepath.Join(n.dir, "libwsi.so"), good, 0o644))
		out, ok = n.test()
		require.True(t, ok, out)
		n.run()
		client, backend := n.connect()
		client.send(text(xss))
		dropped(client, backend, ws.ClosePolicyViolation)
	})
	t.Run("relative to the configuration", func(t *testing.T) {
		n := start(t, conf{stopped: true, library: "libs/here.so"})
		require.NoError(t, os.Mkdir(filepath.Join(n.dir, "libs"), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(n.dir, "libs/here.so"), good, 0o644))
		out, ok := n.test()
		require.True(t, ok, out)
	})
}

// However much there is to warn of, a wrong directive is refused, and said.
func TestManyWarnings(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.allow("wallarm_websocket_ignore|wallarm_websocket_paranoia")
	var outer, locations strings.Builder
	for i := range 20 {
		fmt.Fprintf(&outer, "wallarm_websocket_ignore rule=9%05d;\n", 41100+10*(i%2))
	}
	for i := range 60 { // each has a policy of its own, and the warnings of all
		locations.WriteString(n.inspected(fmt.Sprintf("/%d", i), "wallarm_websocket_paranoia 2;"))
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: outer.String(), server: locations.String()}))
	out, ok := n.test()
	require.True(t, ok, out)
	require.Equal(t, 20, strings.Count(out, "for the whole location"), "each is said once")
	n.write("nginx.conf", n.config(t, conf{noLocation: true, http: outer.String(),
		server: locations.String() + n.inspected("/bad", "wallarm_websocket_paranoia 9;")}))
	out, ok = n.test()
	require.False(t, ok, out)
	require.Regexp(t, `\[emerg\] .*"wallarm_websocket_paranoia" directive: invalid value "9"`, out)
}

// Every directive refuses bad values, being given twice, and other contexts.
func TestDirectives(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("schema.json", "{}")
	n.write("asyncapi.yaml", "asyncapi: 2.6.0\nchannels: {}\n")
	check := func(t *testing.T, c conf, want string) {
		n := n.in(t)
		n.write("nginx.conf", n.config(t, c))
		out, ok := n.test()
		if want == "" {
			require.True(t, ok, out)
			return
		}
		require.False(t, ok, "%s", out)
		require.Regexp(t, want, out)
	}
	for _, tt := range []struct{ directive, value, want string }{
		{"wallarm_parse_websocket", "maybe", `invalid value "maybe"`},
		{"wallarm_mode", "on", `invalid value "on"`},
		{"wallarm_mode", "monitoring", ""},
		{"wallarm_mode", "off", ""},
		{"wallarm_mode", "safe_blocking", ""},
		{"wallarm_mode", "safe", `invalid value "safe" in .*nginx.conf:\d+`},
		{"wallarm_mode", "$http_x_mode", ""},
		{"wallarm_mode", "$nothing_of_that_name", `unknown "nothing_of_that_name" variable`},
		{"wallarm_fallback", "2", `invalid value "2"`},
		{"wallarm_fallback", "off", ""},
		{"wallarm_event_log", "/nowhere/at/all.json", `open\(\) "/nowhere/at/all.json" failed`},
		{"wallarm_process_time_limit", "0", "must be greater than zero"},
		{"wallarm_process_time_limit", "soon", "invalid value"},
		{"wallarm_process_time_limit", "-1", "invalid value"},
		{"wallarm_process_time_limit", "2d", "invalid value"},
		{"wallarm_process_time_limit", "500", ""},
		{"wallarm_process_time_limit", "2s", ""},
		{"wallarm_process_time_limit_block", "maybe", `invalid value "maybe"`},
		{"wallarm_process_time_limit_block", "attack", ""},
		{"wallarm_process_time_limit_block", "on", ""},
		{"wallarm_websocket_response_mode", "on", `invalid value "on"`},
		{"wallarm_websocket_response_mode", "block", ""},
		{"wallarm_websocket_threshold", "0", "value must be between 1 and 1000"},
		{"wallarm_websocket_threshold", "1001", "value must be between 1 and 1000"},
		{"wallarm_websocket_threshold", "x", "invalid number"},
		{"wallarm_websocket_threshold", "7", ""},
		{"wallarm_websocket_max_message_size", "0", "must be greater than zero"},
		{"wallarm_websocket_max_message_size", "1025m", "must not be greater than 1g"},
		{"wallarm_websocket_max_message_size", "big", "invalid value"},
		{"wallarm_websocket_max_message_size", "1m", ""},
		{"wallarm_websocket_max_inflated_size", "0", "must be greater than zero"},
		{"wallarm_websocket_max_inflated_size", "-5", "invalid value"},
		{"wallarm_websocket_max_inflated_size", "100k", ""},
		{"wallarm_websocket_assembly_timeout", "0", "must be greater than zero"},
		{"wallarm_websocket_assembly_timeout", "never", "invalid value"},
		{"wallarm_websocket_assembly_timeout", "300ms", ""},
		{"wallarm_websocket_assembly_timeout", "1s from=client", ""},
		{"wallarm_websocket_assembly_timeout", "1s from=both", `invalid parameter "from=both" in .*nginx.conf:\d+`},
		{"wallarm_websocket_max_message_size", "1m from=server", ""},
		{"wallarm_websocket_max_inflated_size", "1m from=client", ""},
		{"wallarm_websocket_max_frame_size", "0", ""},
		{"wallarm_websocket_max_frame_size", "64k from=server", ""},
		{"wallarm_websocket_max_frame_size", "1025m", `"wallarm_websocket_max_frame_size" directive must not be greater than 1g in`},
		{"wallarm_websocket_max_frame_size", "x", `"wallarm_websocket_max_frame_size" directive invalid value in`},
		{"wallarm_websocket_max_fragments", "100", ""},
		{"wallarm_websocket_max_fragments", "0 from=client", ""},
		{"wallarm_websocket_max_fragments", "many", `"wallarm_websocket_max_fragments" directive invalid value in`},
		{"wallarm_websocket_max_fragments", "1000001", `value must be between 0 and 1000000 in`},
		{"wallarm_websocket_max_inflate_ratio", "100", ""},
		{"wallarm_websocket_max_inflate_ratio", "1033", `value must be between 0 and 1032 in`},
		{"wallarm_websocket_max_inflate_ratio", "10%", `"wallarm_websocket_max_inflate_ratio" directive invalid value in`},
		{"wallarm_websocket_max_control_rate", "0", ""},
		{"wallarm_websocket_max_control_rate", "10r/s", ""},
		{"wallarm_websocket_max_control_rate", "10r/s from=client", ""},
		{"wallarm_websocket_max_control_rate", "10", `"wallarm_websocket_max_control_rate" directive invalid value in`},
		{"wallarm_websocket_max_control_rate", "-1r/s", `"wallarm_websocket_max_control_rate" directive invalid value in`},
		{"wallarm_websocket_max_control_rate", "1000001r/s", `value must be between 0 and 1000000 in`},
		{"wallarm_websocket_messages", "any", ""},
		{"wallarm_websocket_messages", "text from=client", ""},
		{"wallarm_websocket_messages", "binary", ""},
		{"wallarm_websocket_messages", "both", `"wallarm_websocket_messages" directive invalid value in`},
		{"wallarm_websocket_action", "close", ""},
		{"wallarm_websocket_action", "close 4000", ""},
		{"wallarm_websocket_action", `close 1013 "tryé later"`, ""},
		{"wallarm_websocket_action", "close 1005", `invalid close code "1005" in`},
		{"wallarm_websocket_action", "close 999", `invalid close code "999" in`},
		{"wallarm_websocket_action", "close 2999", `invalid close code "2999" in`},
		{"wallarm_websocket_action", "close 5000", `invalid close code "5000" in`},
		{"wallarm_websocket_action", "close now", `invalid close code "now" in`},
		{"wallarm_websocket_action", "close 1008 " + strings.Repeat("x", 123), ""},
		{"wallarm_websocket_action", "close 1008 " + strings.Repeat("x", 124), `"wallarm_websocket_action" directive has a reason of more than 123 bytes in`},
		{"wallarm_websocket_action", "close 1008 \xff\xfe", `"wallarm_websocket_action" directive has a reason that is not UTF-8 in`},
		{"wallarm_websocket_action", "close 1008 \xed\xa0\x80", `"wallarm_websocket_action" directive has a reason that is not UTF-8 in`},
		{"wallarm_websocket_action", "reset", ""},
		{"wallarm_websocket_action", "reset 1008", `invalid parameter "1008" in`},
		{"wallarm_websocket_action", "drop_message", ""},
		{"wallarm_websocket_action", "drop_message 1008 bad", ""},
		{"wallarm_websocket_action", "ignore", `invalid parameter "ignore" in`},
		{"wallarm_parse_response", "off", ""},
		{"wallarm_parse_response", "yes", `invalid value "yes"`},
	} {
		t.Run(tt.directive+" "+tt.value, func(t *testing.T) {
			line := tt.directive + " " + tt.value + ";"
			location := "location / {\n" + n.proxy("http") + line + "}\n"
			check(t, conf{noLocation: true, server: location}, tt.want)
			check(t, conf{http: line}, tt.want)
			check(t, conf{server: line}, tt.want)
			if tt.want == "" {
				check(t, conf{noLocation: true, server: strings.Replace(location, line, line+line, 1)}, "is duplicate")
				check(t, conf{main: line}, "directive is not allowed here")
				check(t, conf{http: tt.directive + ";"}, "invalid number of arguments")
				check(t, conf{http: tt.directive + " a b c d;"}, "invalid number of arguments")
			}
		})
	}
	for _, tt := range []struct{ directive, value, want string }{
		{"wallarm_websocket_worker_memory", "0", "must be greater than zero"},
		{"wallarm_websocket_worker_memory", "all", "invalid value"},
		{"wallarm_websocket_worker_memory", "64m", ""},
		{"wallarm_websocket_threads", "0", "value must be between 1 and 64"},
		{"wallarm_websocket_threads", "65", "value must be between 1 and 64"},
		{"wallarm_websocket_threads", "4", ""},
	} {
		t.Run(tt.directive+" "+tt.value, func(t *testing.T) {
			line := tt.directive + " " + tt.value + ";"
			check(t, conf{main: line}, tt.want)
			if tt.want == "" {
				check(t, conf{main: line + line}, "is duplicate")
				check(t, conf{http: line}, "directive is not allowed here")
				check(t, conf{server: line}, "directive is not allowed here")
			}
		})
	}
	for _, tt := range []struct{ directive, value, want string }{
		{"wallarm_parser_disable", "base64 no", `\[emerg\].*"wallarm_parser_disable" directive: unknown parser "no", it must be one of .*base64, .* in .*nginx.conf:\d+`},
		{"wallarm_parser_disable", "base64 urlenc", ""},
		{"wallarm_event_log", "logs/a.json payload=2m", `\[emerg\].*invalid payload "2m", it must be "none", "full", or a size of at most 1m in .*nginx.conf:\d+`},
		{"wallarm_event_log", "logs/a.json payload=0", `invalid payload "0"`},
		{"wallarm_event_log", "logs/a.json sample=10", `invalid sample "10", it must be a number of lines a minute, as "10/m" in`},
		{"wallarm_event_log", "logs/a.json sample=0/m", `invalid sample "0/m"`},
		{"wallarm_event_log", "logs/a.json datasets=attacks", `invalid datasets "attacks", they must be some of attack,ignored,violation,connection in`},
		{"wallarm_event_log", "logs/a.json datasets=attack,attack", `invalid datasets "attack,attack"`},
		{"wallarm_event_log", "logs/a.json format=cef", `unknown format "cef", there is "ecs" in`},
		{"wallarm_event_log", "logs/a.json buffer=1k", `invalid parameter "buffer=1k" in`},
		{"wallarm_event_log", "logs/a.json payload=1k payload=2k", `duplicate parameter "payload=2k" in`},
		{"wallarm_event_log", "logs/a.json datasets=attack datasets=violation", `duplicate parameter "datasets=violation" in`},
		{"wallarm_event_log", "syslog:tag=x", `no syslog server specified`},
		{"wallarm_event_log", "off", ""},
		{"wallarm_event_log", "off payload=none", `"off" takes no parameters`},
		{"wallarm_event_log", "off; wallarm_event_log logs/a.json", `is duplicate with "off"`},
		{"wallarm_event_log", "logs/a.json; wallarm_event_log off", `"wallarm_event_log" directive is duplicate`},
		{"wallarm_event_log", "logs/a.json payload=1m sample=5/m datasets=attack,connection format=ecs", ""},
		{"wallarm_event_log", "syslog:server=127.0.0.1:1514,tag=waf payload=none", ""},
		{"wallarm_websocket_redact", "keys=x", `"wallarm_websocket_redact" directive: invalid parameter "keys=x", it must be "off", "name=" or "cards=off" in`},
		{"wallarm_websocket_redact", "cards=off cards=off", `"wallarm_websocket_redact" directive: duplicate parameter "cards=off" in`},
		{"wallarm_websocket_redact", "off name=x", `"off" leaves nothing to name`},
		{"wallarm_websocket_redact", "name=badge cards=off", ""},
		{"wallarm_websocket_ignore", "path=$.a", `\[emerg\].*"wallarm_websocket_ignore" directive: needs "rule=", "type=" or "parser=" in .*nginx.conf:\d+`},
		{"wallarm_websocket_ignore", "rule=942101 event=a", `unknown rule "942101", the nearest: .*942100`},
		{"wallarm_websocket_ignore", "rule=942100 event=a", ""},
		{"wallarm_websocket_event", "allow chat.* \"run query\"", ""},
		{"wallarm_websocket_event", "deny from=server *", ""},
		{"wallarm_websocket_schema", "chat /nowhere/at/all.json", `\[emerg\].*"wallarm_websocket_schema" directive: open /nowhere/at/all.json: no such file or directory in .*nginx.conf:\d+`},
		{"wallarm_websocket_schema", "from=server chat schema.json", ""},
		{"wallarm_websocket_schema", "from=client from=server schema.json", `"wallarm_websocket_schema" directive: duplicate parameter "from=server" in`},
		{"wallarm_websocket_schema", "from=peer chat schema.json", `\[emerg\].*"wallarm_websocket_schema" directive: invalid parameter "from=peer", it must be from=client or from=server in .*nginx.conf:\d+`},
		{"wallarm_websocket_asyncapi", "/nowhere/at/all.yaml", `\[emerg\].*"wallarm_websocket_asyncapi" directive: open /nowhere/at/all.yaml: no such file or directory in .*nginx.conf:\d+`},
		{"wallarm_websocket_asyncapi", "asyncapi.yaml log block", `"wallarm_websocket_asyncapi" directive: takes one of log and block in`},
		{"wallarm_websocket_asyncapi", "asyncapi.yaml of=server of=client", `"wallarm_websocket_asyncapi" directive: duplicate parameter "of=client" in`},
		{"wallarm_websocket_asyncapi", "schema.json warn", `\[emerg\].*"wallarm_websocket_asyncapi" directive: invalid parameter "warn" in .*nginx.conf:\d+`},
		{"wallarm_websocket_asyncapi", "schema.json", `\[emerg\].*"wallarm_websocket_asyncapi" directive: ".*/schema.json" cannot be used: "asyncapi" has to be 2.x or 3.x in .*nginx.conf:\d+`},
		{"wallarm_websocket_asyncapi", "asyncapi.yaml log of=client event=channel payload=data", ""},
		{"wallarm_websocket_event", "accept chat", `\[emerg\].*"wallarm_websocket_event" directive: invalid parameter "accept", it must be allow or deny in .*nginx.conf:\d+`},
		{"wallarm_websocket_event", "allow from=backend chat", `\[emerg\].*"wallarm_websocket_event" directive: invalid parameter "from=backend", it must be from=client or from=server in .*nginx.conf:\d+`},
		{"wallarm_websocket_event", "allow a from=server", `\[emerg\].*"wallarm_websocket_event" directive: "from=server" has to stand before the patterns in .*nginx.conf:\d+`},
		{"wallarm_websocket_event", "allow from=server", `\[emerg\].*"wallarm_websocket_event" directive: needs a pattern in .*nginx.conf:\d+`},
		{"wallarm_websocket_paranoia", "0", `\[emerg\].*"wallarm_websocket_paranoia" directive: invalid value "0", it must be 1 to 4 in .*nginx.conf:\d+`},
		{"wallarm_websocket_paranoia", "4", ""},
		{"wallarm_websocket_profile", "talk", `\[emerg\].*"wallarm_websocket_profile" directive: invalid profile "talk" is not chat, api, code or rich_text in .*nginx.conf:\d+`},
		{"wallarm_websocket_profile", "code event=a event=b", `"wallarm_websocket_profile" directive: duplicate parameter "event=b" in`},
		{"wallarm_websocket_profile", "code method=a", `unknown parameter "method"`},
		{"wallarm_websocket_profile", "code event=doc.* path=$.html*", ""},
		{"wallarm_websocket_rules", "/nonexistent/rules", `\[emerg\].*"wallarm_websocket_rules" directive: /nonexistent/rules: no such file or directory in .*nginx.conf:\d+`},
		{"wallarm_websocket_violation", "frame_client_unmasked block", ""},
		{"wallarm_websocket_violation", "frame_opcode_reserved opaque", ""},
		{"wallarm_websocket_violation", "frame_opcode_reserved log", `\[emerg\].*"wallarm_websocket_violation" directive: invalid action "log" of "frame_opcode_reserved", it must be block, opaque in .*nginx.conf:\d+`},
		{"wallarm_websocket_violation", "message_nul opaque", `\[emerg\].*invalid action "opaque" of "message_nul", it must be off, log, block in .*nginx.conf:\d+`},
		{"wallarm_websocket_violation", "frame_unmasked off", `\[emerg\].*unknown violation "frame_unmasked", did you mean frame_client_unmasked, frame_server_masked, .*\? in .*nginx.conf:\d+`},
		{"wallarm_websocket_violation", "process_time_limit off", `\[emerg\].*the action of "process_time_limit" cannot be set in .*nginx.conf:\d+`},
	} {
		t.Run(tt.directive+" "+tt.value, func(t *testing.T) {
			line := tt.directive + " " + tt.value + ";"
			check(t, conf{server: "location /other {\n" + n.proxy("http") + line + "}\n"}, tt.want)
			check(t, conf{http: line}, tt.want)
			check(t, conf{server: line}, tt.want)
			if tt.want == "" {
				check(t, conf{main: line}, "directive is not allowed here")
				check(t, conf{http: tt.directive + ";"}, "invalid number of arguments")
			}
		})
	}
	for _, tt := range []struct{ directive, want string }{
		{"wallarm_websocket_ignore type=xss;", `\[warn\].*without "event=", "path=" or "match=" switches xss off for the whole location in .*nginx.conf:\d+`},
		{"wallarm_websocket_ignore type=xss path=$ until=2020-01-31;", `\[warn\].*has expired on 2020-01-31 in`},
	} {
		t.Run(tt.directive, func(t *testing.T) {
			n := n.in(t)
			n.write("nginx.conf", n.config(t, conf{http: tt.directive}))
			out, ok := n.test()
			require.True(t, ok, out)
			require.Regexp(t, tt.want, out)
			require.Equal(t, 1, strings.Count(out, "[warn]"), "said once, whatever inherits it")
		})
	}
	for _, tt := range []struct{ directives, want string }{
		{"wallarm_websocket_origin https://a.example;", "wallarm_websocket_origin"},
		{"wallarm_websocket_subprotocol mqtt;", "wallarm_websocket_subprotocol"},
		{"wallarm_websocket_extensions strip;", "wallarm_websocket_extensions"},
		{"wallarm_websocket_ban zone=b;", "wallarm_websocket_ban"},
		{"wallarm_websocket_connections zone=c 5;", "wallarm_websocket_connections"},
		{"wallarm_websocket_rate zone=r;", "wallarm_websocket_rate"},
		{"wallarm_websocket_max_age jwt=$arg_token;", "wallarm_websocket_max_age"},
		{"wallarm_websocket_event deny admin;", "wallarm_websocket_event"},
		{"wallarm_websocket_violation message_nul block;", "wallarm_websocket_violation"},
		{"", ""},
		{"wallarm_websocket_rate off; wallarm_websocket_origin off; wallarm_websocket_max_age 0;", ""},
		{"wallarm_websocket_rate zone=r; wallarm_parse_websocket off;", ""},
		{"wallarm_websocket_rate zone=r; wallarm_parse_websocket on;", ""},
	} {
		t.Run("without parsing, "+tt.directives, func(t *testing.T) {
			n := n.in(t)
			n.write("nginx.conf", n.config(t, conf{noLocation: true,
				http: "wallarm_websocket_ban_zone $binary_remote_addr zone=b:64k;\nwallarm_websocket_connections_zone $binary_remote_addr zone=c:64k;\n" +
					"wallarm_websocket_rate_zone $binary_remote_addr zone=r:64k rate=1/s;\nwallarm_websocket_origin https://b.example;\n",
				server: "location /chat {\n" + tt.directives + "\n}\n"}))
			out, ok := n.test()
			require.True(t, ok, out)
			if tt.want == "" {
				require.NotContains(t, out, "[warn]")
				return
			}
			require.Contains(t, out, `"`+tt.want+`" in location "/chat" does nothing without "wallarm_parse_websocket on"`)
			require.Equal(t, 1, strings.Count(out, "[warn]"))
		})
	}
	t.Run("safe_blocking is a warning", func(t *testing.T) {
		n := n.in(t)
		n.write("nginx.conf", n.config(t, conf{http: "wallarm_mode safe_blocking;"}))
		out, ok := n.test()
		require.True(t, ok, out)
		require.Regexp(t, `\[warn\].*"safe_blocking" needs Wallarm's lists of addresses, "monitoring" is used in .*nginx.conf:\d+`, out)
	})
	t.Run("wallarm_websocket_library", func(t *testing.T) {
		check(t, conf{main: "wallarm_websocket_library x;"}, "is duplicate")
		check(t, conf{http: "wallarm_websocket_library x;"}, "directive is not allowed here")
		check(t, conf{library: `""`}, "must not be empty")
	})
}

// Directives are inherited by server and location, where they may differ.
func TestInheritance(t *testing.T) {
	t.Parallel()
	locations := func(n *nginx, per map[string]string) string {
		var b strings.Builder
		for path, directives := range per {
			fmt.Fprintf(&b, "location %s {\n%s%s}\n", path, n.proxy("http"), directives)
		}
		return b.String()
	}
	attack := func(n *nginx, target string) string {
		n.Helper()
		client, backend := n.connectTo(target)
		client.send(text(xss), text("behind"))
		b, _ := backend.frame()
		if b.Opcode == ws.OpClose {
			return "dropped"
		}
		backend.expect(text("behind"))
		client.Close()
		backend.Close()
		return "passed"
	}
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_event_log logs/http.json; wallarm_websocket_threshold 1000;",
		server: "wallarm_websocket_threshold 5;\n" + locations(n, map[string]string{
			"/inherits":   "",
			"/off":        "wallarm_parse_websocket off;",
			"/mode-off":   "wallarm_mode off;",
			"/monitoring": "wallarm_mode monitoring; wallarm_event_log logs/location.json;",
			"/silent":     "wallarm_event_log off;",
			"/threshold":  "wallarm_websocket_threshold 900;",
			"/size":       "wallarm_websocket_max_message_size 5;",
		})}))
	n.run()
	for target, want := range map[string]string{"/inherits": "dropped", "/off": "passed", "/mode-off": "passed",
		"/monitoring": "passed", "/silent": "dropped", "/threshold": "passed", "/size": "dropped"} {
		require.Equal(t, want, attack(n, target), target)
	}
	actions := map[string]int{}
	for _, e := range n.eventsIn("http.json", 2) {
		actions[e.what()]++
	}
	require.Equal(t, map[string]int{"xss blocked": 1, "message_too_big blocked": 1}, actions)
	require.Equal(t, "xss monitored", n.eventsIn("location.json", 1)[0].what())
}

// Directives of the engine: those of an inner level replace the outer ones.
func TestPolicyInheritance(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_parser_disable hex; wallarm_parser_disable base64;",
		server: n.location("/inherits", "") + n.location("/replaces", "wallarm_parser_disable gzip;") +
			n.location("/monitoring", "wallarm_mode monitoring; wallarm_parser_disable gzip;")}))
	n.run()
	hidden := base64.StdEncoding.EncodeToString([]byte("<script>alert(document.cookie)</script>"))
	for target, passes := range map[string]bool{"/inherits": true, "/replaces": false} {
		client, backend := n.connectTo(target)
		client.send(text(hidden), text("behind"))
		if passes {
			backend.expect(text(hidden), text("behind"))
			client.Close()
			backend.Close()
		} else {
			dropped(client, backend, ws.ClosePolicyViolation)
		}
	}
	require.Equal(t, "xss blocked", n.events(1)[0].what())
}

// The master reads the library as root, a worker cannot.
func TestLibraryNotForWorkers(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root: only a master that is root has workers of another user")
	}
	b, err := os.ReadFile(env(t, "WSI_LIBRARY"))
	require.NoError(t, err)
	private := filepath.Join(t.TempDir(), "libwsi.so")
	require.NoError(t, os.WriteFile(private, b, 0o600))
	n := start(t, conf{stopped: true, library: private})
	n.write("nginx.conf", strings.Replace(n.config(t, conf{library: private}), "user root;", "user nobody nogroup;", 1))
	out, ok := n.test()
	require.True(t, ok, out)
	require.Regexp(t, `\[warn\].*libwsi.so" cannot be read by the workers' user "nobody"`, out)
}

// What a direction's mode is, what follows from limits, and what is hidden, as the
// innermost level says.
func TestOtherInheritance(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, directives string) string {
		return fmt.Sprintf("location %s {\n%swallarm_event_log logs%s.json payload=full; %s}\n", path, n.proxy("http"), path, directives)
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http: "wallarm_parse_websocket on; wallarm_websocket_response_mode block; wallarm_websocket_max_inflated_size 20k;" +
			"wallarm_process_time_limit_block off; wallarm_websocket_redact name=badge;",
		server: "wallarm_process_time_limit_block attack;" + location("/inherits", "") +
			location("/inner", "wallarm_websocket_response_mode monitoring; wallarm_process_time_limit_block off; wallarm_websocket_redact name=pin;")}))
	n.run()
	bomb := text(base64.StdEncoding.EncodeToString([]byte(gzipped(strings.Repeat("how are you? ", 20000)))))
	for path, inner := range map[string]bool{"/inherits": false, "/inner": true} {
		client, backend := n.connectTo(path)
		backend.send(server(xss).Bytes())
		if inner {
			client.expect(server(xss).Bytes())
			client.Close()
			backend.Close()
		} else {
			dropped(client, backend, ws.ClosePolicyViolation)
		}
		client, backend = n.connectTo(path)
		client.send(bomb)
		if inner {
			backend.expect(bomb)
			client.Close()
			backend.Close()
		} else {
			dropped(client, backend, ws.ClosePolicyViolation)
		}
		client, backend = n.connectTo(path)
		client.send(text(`{"badge":"x81x","pin":"x82x","html":"` + xss + `"}`))
		dropped(client, backend, ws.ClosePolicyViolation)
		all := n.eventsIn(path+".json", 3)
		what := map[bool][]string{false: {"xss blocked", "format_limit blocked", "xss blocked"}, true: {"xss monitored", "format_limit logged", "xss blocked"}}[inner]
		require.Equal(t, what, []string{all[0].what(), all[1].what(), all[2].what()})
		require.Equal(t, inner, strings.Contains(string(all[2].Wallarm.Payload), "x81x"))
		require.Equal(t, inner, !strings.Contains(string(all[2].Wallarm.Payload), "x82x"))
	}
}

// The time that judging may take, as the innermost level says.
func TestTimeLimitInheritance(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	location := func(path, directives string) string {
		return fmt.Sprintf("location %s {\n%swallarm_event_log logs%s.json; %s}\n", path, n.proxy("http"), path, directives)
	}
	n.write("nginx.conf", n.config(t, conf{noLocation: true,
		http:   "wallarm_parse_websocket on; wallarm_process_time_limit_block off; wallarm_process_time_limit 1h;",
		server: "wallarm_process_time_limit 1;" + location("/inherits", "") + location("/inner", "wallarm_process_time_limit 1h;")}))
	n.run()
	steep := text("[" + strings.Repeat(`"x `+strings.Repeat("</a", 30000)+`",`, 10) + `""]`)
	for _, path := range []string{"/inherits", "/inner"} {
		client, backend := n.connectTo(path)
		client.send(steep)
		backend.expect(steep)
		talk(client, backend)
		client.Close()
		backend.Close()
	}
	n.eventually("the limit", func() bool { return strings.Contains(n.log("inherits.json"), `"token":"process_time_limit"`) })
	require.NotContains(t, n.log("inner.json"), `"token":"process_time_limit"`)
}

// What follows when the engine does not start, as the innermost level says.
func TestFallbackInheritance(t *testing.T) {
	t.Parallel()
	n := start(t, conf{stopped: true})
	n.allow(`wallarm: .*did not start|are not inspected by this worker`)
	n.write("nginx.conf", n.config(t, conf{noLocation: true, library: newStub(t, "-DINIT=1").library,
		http:   "wallarm_parse_websocket on; wallarm_fallback on;",
		server: "wallarm_fallback off;" + n.location("/inherits", "") + n.location("/inner", "wallarm_fallback on;")}))
	n.run()
	client := n.client()
	client.send(request("/inherits"))
	require.Equal(t, "503", client.status())
	client, backend := n.connectTo("/inner")
	talk(client, backend)
}
