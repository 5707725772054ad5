package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"wsi/gobridge/internal/console"
)

const consoleHelp = `Usage: wsi console --log FILE --db FILE [OPTION...]
       wsi console --store clickhouse://[USER@]HOST[:PORT]/DATABASE/TABLE [OPTION...]

Follows the event log, keeps its events in an SQLite file and shows them to a
browser. It only reads: NGINX does not know of it.

Options:
  --log FILE          what wallarm_event_log writes; may be given several times
  --db FILE           the database, made when it is missing
  --store ADDRESS     instead of both: the ClickHouse that has the events of many
                      machines, its table as integrations/clickhouse/schema.sql
                      makes it; HTTP on port 8123, or with ?secure=1 HTTPS on
                      8443; the password from CLICKHOUSE_PASSWORD
  --listen ADDRESS    ADDRESS:PORT or unix:PATH (127.0.0.1:8765)
  --auth-file FILE    users and passwords, as htpasswd -B writes them; needed to
                      listen on an address that others can reach
  --host NAME         a further name that browsers ask for the console by; may
                      be given several times
  --retain TIME       delete events that are older (30d); 0: never
  --retain-size SIZE  delete the oldest events when the database is larger
                      (1g); 0: never
  --status URL        of a location with wallarm_status, for the health page
  --help              this text

Exit status: 0 interrupted, 2 on an error.
`

// stringList is an option that may be given several times.
type stringList []string

func (l *stringList) String() string { return strings.Join(*l, " ") }

func (l *stringList) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func consoleCommand(args []string, stdout, stderr io.Writer) int {
	var logs, hosts stringList
	var o console.Options
	fs := flag.NewFlagSet("console", flag.ContinueOnError)
	fs.Var(&logs, "log", "")
	fs.StringVar(&o.DB, "db", "", "")
	fs.StringVar(&o.Store, "store", "", "")
	fs.StringVar(&o.Listen, "listen", "127.0.0.1:8765", "")
	fs.StringVar(&o.AuthFile, "auth-file", "", "")
	fs.Var(&hosts, "host", "")
	fs.StringVar(&o.Status, "status", "", "")
	retain := fs.String("retain", "30d", "")
	size := fs.String("retain-size", "1g", "")
	if code, ok := parse(fs, consoleHelp, args, stdout, stderr); !ok {
		return code
	}
	if fs.NArg() > 0 || o.Store == "" && (len(logs) == 0 || o.DB == "") {
		return fail(stderr, "console", errors.New("--log and --db are required, or --store, and nothing but options"))
	}
	if o.Store != "" && (len(logs) > 0 || o.DB != "") {
		return fail(stderr, "console", errors.New("--store is instead of --log and --db"))
	}
	var err error
	if o.Retain, err = parseAge(*retain); err != nil {
		return fail(stderr, "console", err)
	}
	if o.RetainSize, err = parseSize(*size); err != nil {
		return fail(stderr, "console", err)
	}
	o.Logs, o.Hosts, o.Version = logs, hosts, version

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := console.Run(ctx, o, stdout, stderr); err != nil {
		return fail(stderr, "console", err)
	}
	return exitOK
}

// parseAge reads a time as NGINX writes it: 30d, 12h, 90m; 0 is none.
func parseAge(s string) (time.Duration, error) {
	if s == "0" {
		return 0, nil
	}
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}
	if len(s) > 1 {
		if n, err := strconv.Atoi(s[:len(s)-1]); err == nil && n > 0 && n < 100_000 && units[s[len(s)-1]] != 0 {
			return time.Duration(n) * units[s[len(s)-1]], nil
		}
	}
	return 0, fmt.Errorf("--retain %s: a time as 30d, 12h or 90m", s)
}

// parseSize reads a size as NGINX writes it: 500m, 1g; 0 is none.
func parseSize(s string) (int64, error) {
	if s == "0" {
		return 0, nil
	}
	units := map[byte]int64{'k': 1 << 10, 'm': 1 << 20, 'g': 1 << 30}
	if len(s) > 1 {
		u := units[s[len(s)-1]|0x20]
		if n, err := strconv.ParseInt(s[:len(s)-1], 10, 32); err == nil && n > 0 && u != 0 {
			return n * u, nil
		}
	}
	return 0, fmt.Errorf("--retain-size %s: a size as 500m or 1g", s)
}
