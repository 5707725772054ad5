// Command bench compares NGINX without the module and with it, in one
// interleaved run: worker CPU per echoed message, messages per second and
// latency over payload sizes, and memory per idle connection.
//
// The worker with all its threads has one core, the generator and the echo
// backend share another. Everything listens on loopback, lives below a
// temporary directory and ends with the command. Linux only.
//
// Exit status: 0, 1 when a limit is exceeded, 2 when it could not measure.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	connections = 8
	pipelined   = 16
	attack      = `42["chat message","<script>alert(1)</script>"]`
)

func main() {
	ok, err := runRole(os.Getenv(roleVariable))
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	case !ok:
		os.Exit(1)
	}
}

// roleVariable makes a child of the program generator or backend.
const roleVariable = "WSI_BENCH_ROLE"

func runRole(role string) (bool, error) {
	switch role {
	case "backend":
		return true, runBackend()
	case "client":
		return true, runClient()
	}
	return run(os.Args[1:])
}

// bench is one run.
type bench struct {
	setup
	ctx      context.Context
	dir      string
	variants []variant
	client   *child
	echo     *child
	sizes    []int
	rounds   int
	duration time.Duration
	quick    bool
}

// run reports whether every limit that was measured holds.
func run(args []string) (bool, error) {
	b := &bench{}
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.binary, "nginx", cmp.Or(os.Getenv("WSI_NGINX"), "/usr/sbin/nginx"), "NGINX `binary`")
	flags.StringVar(&b.module, "module", os.Getenv("WSI_MODULE"), "the module built for that binary (`file`)")
	flags.StringVar(&b.library, "library", os.Getenv("WSI_LIBRARY"), "libwsi.so, when not where the module looks by itself (`file`)")
	modes := flags.String("modes", "off,monitoring,block", "`list` of wallarm_mode to compare; empty: plain with plain only")
	sizes := flags.String("sizes", "32,128,1024,16384,1048576", "`list` of payload sizes in bytes")
	flags.IntVar(&b.rounds, "rounds", 9, "`rounds` of every cell")
	flags.DurationVar(&b.duration, "duration", 300*time.Millisecond, "`time` of load per cell, variant and round")
	flags.IntVar(&b.connections, "idle", 9000, "idle `connections` to hold, 0: none")
	flags.BoolVar(&b.quick, "quick", false, "about a second of 128 B, to see that it works; judges nothing")
	if err := flags.Parse(args); err != nil {
		return false, err
	}
	if flags.NArg() > 0 {
		return false, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if b.quick {
		*sizes, b.rounds, b.duration, b.connections = "128", 1, 40*time.Millisecond, 50
	}
	for _, s := range strings.Split(*sizes, ",") {
		size, err := strconv.Atoi(s)
		if err != nil || size < 32 || size > 4<<20 {
			return false, fmt.Errorf("size %q: want 32 to 4194304", s)
		}
		b.sizes = append(b.sizes, size)
	}
	if b.rounds < 1 || b.duration <= 0 || b.connections < 0 {
		return false, errors.New("rounds and duration must be positive, idle not negative")
	}

	b.variants = []variant{plain, again}
	if *modes != "" {
		for _, mode := range strings.Split(*modes, ",") {
			b.variants = append(b.variants, variant{name: mode, mode: mode})
		}
		if err := b.findModule(); err != nil {
			return false, err
		}
	}

	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	b.ctx = ctx

	dir, err := os.MkdirTemp("", "wsi-bench-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(dir)
	b.dir = dir
	return b.compare()
}

func (b *bench) findModule() error {
	for _, file := range []*string{&b.module, &b.library} {
		if *file == "" {
			continue
		}
		path, err := filepath.Abs(*file)
		if err != nil {
			return err
		}
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%w; build it first, or compare plain NGINX with itself: -modes=", err)
		}
		*file = path
	}
	if b.module == "" {
		return errors.New("no -module given; to compare plain NGINX with itself: -modes=")
	}
	return nil
}

func (b *bench) compare() (bool, error) {
	if err := b.limitFiles(); err != nil {
		return false, err
	}
	cpus, err := allowedCPUs()
	if err != nil {
		return false, err
	}
	b.cpu = cpus[0]
	load := cpus[len(cpus)-1]
	if load == b.cpu {
		fmt.Println("One CPU only: generator and worker share it, the figures are not comparable.")
	}

	// Children are pinned through the thread that forks them, and die with
	// it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := pin(load); err != nil {
		return false, err
	}
	if b.echo, err = b.startChild("backend"); err != nil {
		return false, err
	}
	defer b.echo.stop()
	if b.client, err = b.startChild("client"); err != nil {
		return false, err
	}
	defer b.client.stop()
	if err := pin(cpus...); err != nil {
		return false, err
	}
	if _, err := fmt.Fscan(b.echo.out, &b.backend); err != nil {
		return false, fmt.Errorf("backend: %w", err)
	}

	version, err := exec.CommandContext(b.ctx, b.binary, "-v").CombinedOutput()
	if err != nil {
		return false, fmt.Errorf("%s -v: %w", b.binary, err)
	}
	fmt.Printf("%s, worker on CPU %d, generator and backend on CPU %d, %d connections, %d rounds of %v\n",
		strings.TrimSpace(strings.TrimPrefix(string(version), "nginx version: ")), b.cpu, load, connections, b.rounds, b.duration)

	cells, err := b.loads()
	if err != nil {
		return false, err
	}
	printLoads(os.Stdout, b.variants, cells)

	var idle []memory
	if b.connections > 0 {
		if idle, err = b.idles(); err != nil {
			return false, err
		}
		printIdles(os.Stdout, b.variants, idle, b.connections)
	}
	if b.quick || len(b.variants) == 2 {
		return true, nil
	}
	return printVerdict(os.Stdout, b.variants, cells, idle), nil
}

// limitFiles asks for two descriptors per connection in the worker. The client
// and the backend need one each: the Go runtime raises their limit itself.
func (b *bench) limitFiles() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	const others = 64
	b.files = 2*max(b.connections, 2*connections) + others
	if uint64(b.files) > limit.Max {
		b.files = int(limit.Max)
		b.connections = (b.files - others) / 2
		fmt.Printf("Limit of open files is %d: %d idle connections.\n", limit.Max, b.connections)
	}
	return nil
}

// cell is one size and window, with the answers of each variant by round.
type cell struct {
	size, window int
	answers      [][]answer
}

// loads runs all cells. One variant is under load at a time, and each of them
// comes first equally often.
func (b *bench) loads() ([]cell, error) {
	instances := make([]*instance, len(b.variants))
	for i, v := range b.variants {
		n, err := b.start(v, b.dir)
		if err != nil {
			return nil, err
		}
		defer n.stop()
		if err := b.probe(n); err != nil {
			return nil, n.failed(err)
		}
		instances[i] = n
	}

	var cells []cell
	for _, window := range []int{1, pipelined} {
		for _, size := range b.sizes {
			cells = append(cells, cell{size, window, make([][]answer, len(b.variants))})
		}
	}
	for round := range b.rounds {
		for i, c := range cells {
			progress("round %d of %d, %s, %d in flight", round+1, b.rounds, sizeName(c.size), c.window)
			for j := range instances {
				j = (j + i + round) % len(instances)
				a, err := b.client.do(b.ctx, order{
					Do: "load", Port: instances[j].port, Conns: connections, Window: c.window, Size: c.size,
					Warm: b.duration / 5, Measure: b.duration,
					Worker: instances[j].worker, Backend: b.echo.cmd.Process.Pid,
				})
				if err != nil {
					return nil, instances[j].failed(fmt.Errorf("%s, %d in flight: %w", sizeName(c.size), c.window, err))
				}
				c.answers[j] = append(c.answers[j], a)
			}
		}
	}
	progress("")
	for _, n := range instances {
		if s := n.complaints(); s != "" {
			fmt.Printf("%s complained:\n%s\n", n.name, s)
		}
	}
	return cells, nil
}

// probe sends an attack, so that a module that fell back to passing everything
// is not measured as one that inspects.
func (b *bench) probe(n *instance) error {
	a, err := b.client.do(b.ctx, order{Do: "attack", Port: n.port, Conns: 1, Window: 1})
	if err != nil {
		return err
	}
	switch {
	case n.mode == "block" && a.Messages != 0:
		return errors.New("an attack passed: the engine does not inspect")
	case n.mode != "block" && a.Messages == 0:
		return errors.New("an attack was dropped")
	case n.mode != "monitoring":
		return nil
	}
	for range 300 {
		if n.attacksLogged() {
			return nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	return errors.New("an attack was not logged: the engine does not inspect")
}

// memory is resident bytes per connection: after the handshake, and after one
// message of 128 B each.
type memory struct {
	connected, talked float64
}

func (b *bench) idles() ([]memory, error) {
	idle := make([]memory, len(b.variants))
	for i, v := range b.variants {
		progress("%d idle connections, %s", b.connections, v.name)
		m, err := b.idle(v)
		if err != nil {
			return nil, fmt.Errorf("idle connections, %s: %w", v.name, err)
		}
		idle[i] = m
	}
	progress("")
	return idle, nil
}

func (b *bench) idle(v variant) (memory, error) {
	n, err := b.start(v, b.dir)
	if err != nil {
		return memory{}, err
	}
	defer n.stop()

	// Whatever is set up by the first connection does not count.
	if _, err := b.client.do(b.ctx, order{Do: "load", Port: n.port, Conns: 1, Window: 1, Size: 128, Worker: n.worker, Backend: b.echo.cmd.Process.Pid}); err != nil {
		return memory{}, err
	}
	var rss [3]int
	steps := []order{{}, {Do: "connect", Port: n.port, Conns: b.connections, Window: 1}, {Do: "message", Size: 128}}
	for i, o := range steps {
		if o.Do != "" {
			if _, err := b.client.do(b.ctx, o); err != nil {
				return memory{}, n.failed(err)
			}
		}
		if !b.quick {
			time.Sleep(500 * time.Millisecond)
		}
		if rss[i], err = residentSize(n.worker); err != nil {
			return memory{}, err
		}
	}
	_, err = b.client.do(b.ctx, order{Do: "close"})
	perConn := func(end int) float64 { return float64(end-rss[0]) / float64(b.connections) }
	return memory{connected: perConn(rss[1]), talked: perConn(rss[2])}, err
}

// progress overwrites one line, for a person who waits.
func progress(format string, args ...any) {
	if info, err := os.Stderr.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
		fmt.Fprintf(os.Stderr, "\r\033[K"+format, args...)
	}
}

// child is this program in another role, with descriptors of its own.
type child struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
	dec *json.Decoder
}

func (b *bench) startChild(role string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &child{cmd: exec.Command(self)}
	// The signals of preemption would only interrupt the raw system calls.
	c.cmd.Env = append(slices.Clone(os.Environ()), roleVariable+"="+role, "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=1")
	c.cmd.Stderr = os.Stderr
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if c.out, err = c.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	c.dec = json.NewDecoder(c.out)
	return c, c.cmd.Start()
}

func (c *child) do(ctx context.Context, o order) (answer, error) {
	var a answer
	if err := ctx.Err(); err != nil {
		return a, err
	}
	if err := json.NewEncoder(c.in).Encode(o); err != nil {
		return a, err
	}
	if err := c.dec.Decode(&a); err != nil {
		return a, fmt.Errorf("generator: %w", err)
	}
	if a.Err != "" {
		return a, errors.New(a.Err)
	}
	return a, nil
}

func (c *child) stop() {
	c.in.Close()
	c.cmd.Process.Kill()
	c.cmd.Wait()
}
