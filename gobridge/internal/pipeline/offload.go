package pipeline

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"wsi/gobridge/internal/detect"
)

// smallBytes is the longest payload for which a thread is kept free: a few
// long messages can be made to take seconds.
const smallBytes = 64 << 10

// offload judges tasks off the event loop. Its goroutines own a thread each
// and wait in a read of an eventfd: a goroutine started by a call from C would
// wait in the run queue of NGINX's thread.
type offload struct {
	wake func()
	any  semaphore // of the threads that judge any task
	few  semaphore // of the one that judges small tasks only

	mu      sync.Mutex
	idle    *sync.Cond          // signalled when nothing waits or is being judged
	large   []*task             // waiting
	small   []*task             // waiting; none with one thread
	judging map[*task]time.Time // when each was begun
	done    []*task
	errands []func() // to do beside; only where large is
	threads int
}

func newOffload(threads int, wake func()) (*offload, error) {
	o := &offload{wake: wake, judging: map[*task]time.Time{}, threads: threads}
	o.idle = sync.NewCond(&o.mu)
	var err error
	if o.any, err = newSemaphore(); err != nil {
		return nil, err
	}
	if o.few, err = newSemaphore(); err != nil {
		return nil, err
	}
	for i := range threads {
		go o.thread(i > 0 || threads == 1)
	}
	return o, nil
}

// thread judges tasks, long ones first where they are its business: then
// neither kind waits for the other.
func (o *offload) thread(large bool) {
	runtime.LockOSThread()
	j := newJudge()
	for {
		if large {
			o.any.wait()
		} else {
			o.few.wait()
		}
		if f := o.takeErrand(large); f != nil {
			run(f)
			o.wake()
			continue
		}
		detect.Default() // no task's time
		t := o.next(large)
		if t == nil {
			continue // another thread has it
		}
		if !guarded(j, t) {
			j = newJudge()
		}
		o.mu.Lock()
		o.done = append(o.done, t)
		delete(o.judging, t)
		if o.unfinished() == 0 {
			o.idle.Broadcast()
		}
		o.mu.Unlock()
		o.wake()
	}
}

// errand has f called by a thread that judges any task, and then wakes.
func (o *offload) errand(f func()) {
	o.mu.Lock()
	o.errands = append(o.errands, f)
	o.mu.Unlock()
	o.any.post()
}

func (o *offload) takeErrand(large bool) (f func()) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if large && len(o.errands) > 0 {
		f, o.errands = o.errands[0], o.errands[1:]
	}
	return f
}

// run calls f, and reports a panic.
func run(f func()) {
	defer func() {
		if e := recover(); e != nil {
			fmt.Fprintf(os.Stderr, "wsi: panic: %v\n%s", e, debug.Stack())
		}
	}()
	f()
}

func (o *offload) next(large bool) *task {
	o.mu.Lock()
	defer o.mu.Unlock()
	queue := &o.small
	if large && len(o.large) > 0 {
		queue = &o.large
	}
	if len(*queue) == 0 {
		return nil
	}
	t := (*queue)[0]
	(*queue)[0] = nil
	*queue = (*queue)[1:]
	o.judging[t] = time.Now()
	return t
}

// guarded reports whether t was judged without a panic.
func guarded(j *judge, t *task) (ok bool) {
	defer func() {
		if e := recover(); e != nil {
			fmt.Fprintf(os.Stderr, "wsi: panic while judging: %v\n%s", e, debug.Stack())
			t.failed = true
		}
	}()
	j.run(t)
	return true
}

func (o *offload) submit(t *task) {
	small := o.threads > 1 && t.size <= smallBytes
	o.mu.Lock()
	if small {
		o.small = append(o.small, t)
	} else {
		o.large = append(o.large, t)
	}
	o.mu.Unlock()
	o.any.post()
	if small {
		o.few.post()
	}
}

// submit hands t over; its verdict comes through Poll.
func (e *Engine) submit(t *task) {
	t.submitted = time.Now()
	e.jobs++
	e.offload.submit(t)
}

// semaphore is an eventfd.
type semaphore int

func newSemaphore() (semaphore, error) {
	const flags = syscall.O_CLOEXEC | 1 // EFD_CLOEXEC, EFD_SEMAPHORE
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, flags, 0)
	if errno != 0 {
		return -1, fmt.Errorf("eventfd: %w", errno)
	}
	return semaphore(fd), nil
}

func (s semaphore) wait() {
	var one [8]byte
	for {
		if _, err := syscall.Read(int(s), one[:]); err != syscall.EINTR {
			return
		}
	}
}

func (s semaphore) post() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		if _, err := syscall.Write(int(s), one[:]); err != syscall.EINTR {
			return
		}
	}
}

// takeDone takes one judged task, nil if there is none.
func (o *offload) takeDone() *task {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.done) == 0 {
		return nil
	}
	t := o.done[0]
	o.done[0] = nil
	o.done = o.done[1:]
	return t
}

// drain waits at most ms milliseconds until all tasks are done, and returns
// how many are not.
func (o *offload) drain(ms int) int {
	late := false
	timer := time.AfterFunc(time.Duration(ms)*time.Millisecond, func() {
		o.mu.Lock()
		late = true
		o.idle.Broadcast()
		o.mu.Unlock()
	})
	defer timer.Stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.unfinished() > 0 && !late {
		o.idle.Wait()
	}
	return o.unfinished()
}

// unfinished counts the tasks that are not judged yet. o.mu is held.
func (o *offload) unfinished() int { return len(o.large) + len(o.small) + len(o.judging) }

// late reports whether d's task has been judged for ms milliseconds: the time
// that it waited for others does not count.
func (o *offload) late(d *direction, ms int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for t, begun := range o.judging {
		if t.dir == d && time.Since(begun) >= time.Duration(ms)*time.Millisecond {
			return true
		}
	}
	return false
}
