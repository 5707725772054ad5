// Command coraza times Coraza with the OWASP CRS for "make quality CORAZA=1".
// It is a module of its own, so that the product does not depend on Coraza.
//
// It reads a JSON array of texts from standard input and then, for each further
// JSON value, judges all of them and prints the nanoseconds of CPU that each
// took.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	coreruleset "github.com/corazawaf/coraza-coreruleset/v4"
	"github.com/corazawaf/coraza/v3"
	"github.com/corazawaf/coraza/v3/types"
)

// rules are CRS as it comes, at paranoia level 1, without what answers.
const rules = `
Include @coraza.conf-recommended
Include @crs-setup.conf.example
Include @owasp_crs/*.conf
SecRuleEngine On
SecAuditEngine Off
SecRuleRemoveById 950000-959999
SecRuleRemoveById 980000-980999
`

func main() {
	if err := run(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "coraza:", err)
		os.Exit(1)
	}
}

func run(in io.Reader, out io.Writer) error {
	runtime.GOMAXPROCS(1)
	waf, err := coraza.NewWAF(coraza.NewWAFConfig().WithRootFS(coreruleset.FS).WithDirectives(rules).
		WithErrorCallback(func(types.MatchedRule) {}))
	if err != nil {
		return err
	}
	var texts []string
	requests := json.NewDecoder(in)
	if err := requests.Decode(&texts); err != nil {
		return err
	}
	for {
		var request any
		if err := requests.Decode(&request); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		ns := make([]int64, len(texts))
		for i, text := range texts {
			start := cpuTime()
			if err := judge(waf, text); err != nil {
				return err
			}
			ns[i] = int64(cpuTime() - start)
		}
		if err := json.NewEncoder(out).Encode(ns); err != nil {
			return err
		}
	}
}

// judge gives text to CRS as an argument of a browser's request.
func judge(waf coraza.WAF, text string) error {
	tx := waf.NewTransaction()
	tx.ProcessConnection("127.0.0.1", 40000, "127.0.0.1", 80)
	tx.ProcessURI("/ws", "POST", "HTTP/1.1")
	for _, h := range [][2]string{
		{"Host", "www.example.com"},
		{"User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{"Accept", "*/*"},
		{"Accept-Language", "en-US,en;q=0.5"},
		{"Accept-Encoding", "gzip, deflate, br"},
		{"Content-Type", "application/x-www-form-urlencoded"},
	} {
		tx.AddRequestHeader(h[0], h[1])
	}
	tx.ProcessRequestHeaders()
	tx.AddPostRequestArgument("x", text)
	if _, err := tx.ProcessRequestBody(); err != nil {
		return err
	}
	tx.ProcessLogging()
	return tx.Close()
}

func cpuTime() time.Duration {
	var ts syscall.Timespec
	const processCPU = 2
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, processCPU, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		panic(errno)
	}
	return time.Duration(ts.Nano())
}
