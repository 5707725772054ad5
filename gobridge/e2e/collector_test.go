//go:build e2e

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// collector is the program; scripts/otelcol.sh makes it where no package has it.
func collector(t testing.TB) string {
	built, err := filepath.Abs("../../build/otelcol")
	require.NoError(t, err)
	if _, err := os.Stat(built); err == nil {
		return built
	}
	path, err := exec.LookPath("otelcol-contrib")
	if err != nil {
		t.Skip("no Collector here, and no package of Debian has it: make otelcol builds one, in some minutes")
	}
	return path
}

// warehouse is the store behind the gateway: it has the bodies of the records.
type warehouse struct {
	mu     sync.Mutex
	lines  map[string]int
	errors []string
	down   atomic.Bool
}

func (s *warehouse) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var logs struct {
		ResourceLogs []struct {
			Resource struct {
				Attributes []struct {
					Key   string
					Value struct{ StringValue string }
				}
			}
			ScopeLogs []struct {
				LogRecords []struct {
					TimeUnixNano string
					SeverityText string
					Body         struct{ StringValue string }
				}
			}
		}
	}
	body, err := io.ReadAll(r.Body)
	if s.down.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		err = json.Unmarshal(body, &logs)
	}
	if err != nil {
		s.errors = append(s.errors, err.Error())
	}
	for _, l := range logs.ResourceLogs {
		if a := l.Resource.Attributes; len(a) != 1 || a[0].Key != "service.name" || a[0].Value.StringValue != "nginx-wallarm-websocket" {
			s.errors = append(s.errors, fmt.Sprint(a))
		}
		for _, sc := range l.ScopeLogs {
			for _, record := range sc.LogRecords {
				var e struct {
					Time time.Time `json:"@timestamp"`
				}
				if json.Unmarshal([]byte(record.Body.StringValue), &e) != nil || record.TimeUnixNano != fmt.Sprint(e.Time.UnixNano()) ||
					record.SeverityText != "warning" {
					s.errors = append(s.errors, fmt.Sprintf("%+v", record))
				}
				s.lines[record.Body.StringValue]++
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, "{}")
}

func (s *warehouse) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lines)
}

// Agent and gateway lose nothing over a rotation, a store and a gateway that are
// away, and an agent and a gateway that are killed.
func TestIntegrationCollector(t *testing.T) {
	t.Parallel()
	program := collector(t)
	n := start(t, conf{workers: 2, location: "wallarm_mode monitoring; wallarm_parse_response off;"})
	client, backend := n.connect()
	log := filepath.Join(n.dir, "logs/websocket_attacks.json")
	number := 0
	attacks := func(count int) {
		t.Helper()
		for range count {
			client.send(assault(number))
			backend.expect(assault(number))
			number++
		}
		n.eventually("they are logged", func() bool {
			return strings.Count(n.log("websocket_attacks.json")+n.log("websocket_attacks.json.1"), "\n") == number
		})
	}

	store := &warehouse{lines: map[string]int{}}
	server := httptest.NewServer(store)
	defer server.Close()
	dir := t.TempDir()
	cert, key := both(t)
	for _, f := range []string{"gateway.pem", "agents.pem", "gateway-ca.pem", "agent.pem"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), cert, 0o600))
	}
	for _, f := range []string{"gateway.key", "agent.key"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, f), key, 0o600))
	}
	address := freeAddr(t)
	agentConfig := integration(t, "otelcol/agent.yaml", filepath.Join(dir, "agent.yaml"), "/var/lib/otelcol", dir, "/etc/otelcol", dir,
		"/var/log/nginx/websocket_attacks.json", log, "gateway.example.com:4318", address)
	// Of the gateway all but the exporter, whose ClickHouse would be of 2022.
	gatewayConfig := integration(t, "otelcol/gateway.yaml", filepath.Join(dir, "gateway.yaml"), "/var/lib/otelcol", dir, "/etc/otelcol", dir,
		"0.0.0.0:4318", address, "  clickhouse:\n", "  otlp_http:\n", "    endpoint: tcp://clickhouse.example.com:9000\n    database: otel\n"+
			"    logs_table_name: websocket_lines\n    ttl: 72h\n    create_schema: true\n",
		"    endpoint: "+server.URL+"\n    encoding: json\n    compression: none\n", "exporters: [clickhouse]", "exporters: [otlp_http]")
	documented(t, "otelcol-contrib validate --config integrations/otelcol/agent.yaml")
	for _, config := range []string{agentConfig, gatewayConfig} {
		tool(t, dir, program, "validate", "--config", config)
	}
	run := func(config string) *exec.Cmd {
		t.Helper()
		name := strings.TrimSuffix(filepath.Base(config), ".yaml") + ".log"
		out, err := os.OpenFile(filepath.Join(n.dir, "logs", name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		require.NoError(t, err)
		before := strings.Count(n.log(name), "Everything is ready")
		cmd := exec.Command(program, "--config", config, "--set", "service.telemetry.metrics.level=none")
		cmd.Stdout, cmd.Stderr = out, out
		require.NoError(t, cmd.Start())
		t.Cleanup(func() {
			cmd.Process.Kill()
			cmd.Wait()
			out.Close()
		})
		n.finally(name+" is ready", func() bool { return strings.Count(n.log(name), "Everything is ready") > before })
		return cmd
	}
	kill := func(cmd *exec.Cmd) {
		t.Helper()
		require.NoError(t, cmd.Process.Signal(syscall.SIGKILL))
		cmd.Wait()
	}

	gateway, agent := run(gatewayConfig), run(agentConfig)
	attacks(100)
	n.finally("the first are there", func() bool { return store.count() == 100 })
	store.down.Store(true) // the gateway keeps them
	attacks(100)
	n.finally("the gateway has some that it cannot deliver", func() bool { return strings.Contains(n.log("gateway.log"), "503") })
	kill(gateway) // the agent keeps them
	require.NoError(t, os.Rename(log, log+".1"))
	n.signal(syscall.SIGUSR1)
	attacks(200)
	n.finally("the agent has some that it cannot deliver", func() bool { return strings.Contains(n.log("agent.log"), "connection refused") })
	kill(agent)
	attacks(100)
	run(agentConfig)
	store.down.Store(false)
	run(gatewayConfig)
	n.finally("all are there", func() bool { return store.count() >= 500 })

	store.mu.Lock()
	defer store.mu.Unlock()
	require.Empty(t, store.errors)
	sent, all := 0, strings.Split(strings.TrimSpace(n.log("websocket_attacks.json.1")+n.log("websocket_attacks.json")), "\n")
	require.Len(t, all, 500)
	for _, line := range all {
		require.Contains(t, store.lines, line)
		sent += store.lines[line]
	}
	require.Len(t, store.lines, 500)
	t.Logf("500 of 500 events, %d of them twice", sent-500)
}

// both is a certificate for the loopback address, as server, as client, and as
// its own authority.
func both(t testing.TB) (cert, key []byte) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	c := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "collector"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}
