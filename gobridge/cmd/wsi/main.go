// Command wsi is the inspection engine without NGINX.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
)

// The exit codes.
const (
	exitOK     = 0
	exitAttack = 1 // with --fail-on-attack
	exitError  = 2
)

const usage = `Usage: wsi COMMAND [OPTION...] [ARGUMENT...]

The inspection of WebSocket messages as the NGINX module does it, without NGINX.

Commands:
  replay   judge the messages of recorded connections
  scan     judge texts, one per line
  rules    check or list rules of your own
  record   record connections through a TCP proxy
  console  show the events to a browser
  check    say whether a WebSocket endpoint is inspected
  version  say which version this is

'wsi COMMAND --help' says more.
`

// version is set by the build.
var version = "unknown"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run is the command without the process: it returns the exit code.
func run(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		io.WriteString(stderr, usage)
		return exitError
	}
	switch args[0] {
	case "replay":
		return replay(args[1:], stdout, stderr)
	case "scan":
		return scan(args[1:], stdin, stdout, stderr)
	case "rules":
		return rulesCommand(args[1:], stdout, stderr)
	case "record":
		return record(args[1:], stdout, stderr)
	case "check":
		return check(args[1:], stdout, stderr)
	case "console":
		return consoleCommand(args[1:], stdout, stderr)
	case "version", "-v", "--version":
		fmt.Fprintln(stdout, "wsi", version)
		return exitOK
	case "help", "-h", "-help", "--help":
		io.WriteString(stdout, usage)
		return exitOK
	}
	fmt.Fprintf(stderr, "wsi: unknown command %q\n\n%s", args[0], usage)
	return exitError
}

// parse reads the options of one command. When it reports false, the command
// is over with the given exit code.
func parse(fs *flag.FlagSet, help string, args []string, stdout, stderr io.Writer) (code int, ok bool) {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	switch err := fs.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		io.WriteString(stdout, help)
		return exitOK, false
	case err != nil:
		fmt.Fprintf(stderr, "wsi %s: %v\n'wsi %s --help' says more.\n", fs.Name(), err, fs.Name())
		return exitError, false
	}
	return exitOK, true
}

// fail reports err and returns the exit code of errors.
func fail(stderr io.Writer, command string, err error) int {
	fmt.Fprintf(stderr, "wsi %s: %v\n", command, err)
	return exitError
}
