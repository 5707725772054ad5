package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// cpuTime is of all threads of a process.
type cpuTime struct {
	run  time.Duration // on a CPU
	wait time.Duration // runnable, but another thread had the CPU
}

func (t cpuTime) sub(u cpuTime) cpuTime {
	return cpuTime{t.run - u.run, t.wait - u.wait}
}

func cpuTimes(pids ...int) ([]cpuTime, error) {
	times := make([]cpuTime, len(pids))
	for i, pid := range pids {
		tasks, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
		if err != nil {
			return nil, err
		}
		for _, task := range tasks {
			stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/schedstat", pid, task.Name()))
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				continue // a thread that ended meanwhile
			}
			if err != nil {
				return nil, err
			}
			var t cpuTime
			if _, err := fmt.Sscan(string(stat), &t.run, &t.wait); err != nil {
				return nil, fmt.Errorf("schedstat of %d: %w", pid, err)
			}
			times[i].run += t.run
			times[i].wait += t.wait
		}
	}
	return times, nil
}

// residentSize returns VmRSS in bytes.
func residentSize(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "\nVmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, fmt.Errorf("no VmRSS of %d", pid)
	}
	kb, err := strconv.Atoi(fields[0])
	return kb << 10, err
}

// workerOf returns the only worker of an NGINX master, 0 when it has not
// exactly one yet.
func workerOf(master int) (int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", master))
	if err != nil {
		return 0, err
	}
	worker := 0
	for _, list := range lists {
		children, err := os.ReadFile(list)
		if err != nil {
			return 0, err
		}
		for _, child := range strings.Fields(string(children)) {
			title, err := os.ReadFile("/proc/" + child + "/cmdline")
			if err != nil || !strings.HasPrefix(string(title), "nginx: worker process") {
				continue
			}
			if worker != 0 {
				return 0, nil
			}
			if worker, err = strconv.Atoi(child); err != nil {
				return 0, err
			}
		}
	}
	return worker, nil
}

type cpuSet [16]uint64

// allowedCPUs lists the CPUs this thread may run on.
func allowedCPUs() ([]int, error) {
	var set cpuSet
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_GETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		return nil, fmt.Errorf("sched_getaffinity: %w", errno)
	}
	var cpus []int
	for cpu := range len(set) * 64 {
		if set[cpu/64]&(1<<(cpu%64)) != 0 {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// pin lets this thread, and what it forks, run on these CPUs only.
func pin(cpus ...int) error {
	var set cpuSet
	for _, cpu := range cpus {
		set[cpu/64] |= 1 << (cpu % 64)
	}
	_, _, errno := syscall.RawSyscall(syscall.SYS_SCHED_SETAFFINITY, 0, unsafe.Sizeof(set), uintptr(unsafe.Pointer(&set)))
	if errno != 0 {
		return fmt.Errorf("sched_setaffinity: %w", errno)
	}
	return nil
}
