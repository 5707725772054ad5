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
)

// offload judges tasks off the event loop. Its goroutines own a thread each
// and wait in a read of an eventfd: a goroutine started by a call from C would
// wait in the run queue of NGINX's thread.
type offload struct {
	fd   int // eventfd, a semaphore of waiting tasks
	wake func()

	mu      sync.Mutex
	idle    *sync.Cond // signalled when nothing waits or is being judged
	waiting []*task
	judging map[*direction]time.Time // when each was begun
	done    []*task
}

func newOffload(threads int, wake func()) (*offload, error) {
	const cloexec, semaphore = syscall.O_CLOEXEC, 1
	fd, _, errno := syscall.RawSyscall(syscall.SYS_EVENTFD2, 0, cloexec|semaphore, 0)
	if errno != 0 {
		return nil, fmt.Errorf("eventfd: %w", errno)
	}
	o := &offload{fd: int(fd), wake: wake, judging: map[*direction]time.Time{}}
	o.idle = sync.NewCond(&o.mu)
	for range threads {
		go o.thread()
	}
	return o, nil
}

func (o *offload) thread() {
	runtime.LockOSThread()
	j := newJudge()
	var one [8]byte
	for {
		if _, err := syscall.Read(o.fd, one[:]); err != nil {
			continue // EINTR
		}
		o.mu.Lock()
		t := o.waiting[0]
		o.waiting[0] = nil
		o.waiting = o.waiting[1:]
		o.judging[t.dir] = time.Now()
		o.mu.Unlock()
		if !guarded(j, t) {
			j = newJudge()
		}
		o.mu.Lock()
		o.done = append(o.done, t)
		delete(o.judging, t.dir)
		if o.unfinished() == 0 {
			o.idle.Broadcast()
		}
		o.mu.Unlock()
		o.wake()
	}
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
	o.mu.Lock()
	o.waiting = append(o.waiting, t)
	o.mu.Unlock()
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	for {
		if _, err := syscall.Write(o.fd, one[:]); err != syscall.EINTR {
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
func (o *offload) unfinished() int { return len(o.waiting) + len(o.judging) }

// late reports whether d's task has been judged for ms milliseconds: the time
// that it waited for others does not count.
func (o *offload) late(d *direction, ms int) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	begun, ok := o.judging[d]
	return ok && time.Since(begun) >= time.Duration(ms)*time.Millisecond
}
