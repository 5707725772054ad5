package main

import (
	"fmt"
	"syscall"
	"time"
	"unsafe"
)

// The sockets of the generator and of the backend are served by raw system
// calls on one thread: the runtime's poller, and its taking the P away around
// each blocking call, would cost more than the work and make core 1 the limit.

// noProgress ends a wait in which nothing at all happened.
const noProgress = 20 * time.Second

type epoll struct {
	fd     int
	events [256]syscall.EpollEvent
}

func newEpoll() (*epoll, error) {
	fd, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	return &epoll{fd: fd}, err
}

func (p *epoll) add(fd int, events uint32) error {
	return p.ctl(syscall.EPOLL_CTL_ADD, fd, events)
}

func (p *epoll) modify(fd int, events uint32) error {
	return p.ctl(syscall.EPOLL_CTL_MOD, fd, events)
}

func (p *epoll) ctl(op, fd int, events uint32) error {
	return syscall.EpollCtl(p.fd, op, fd, &syscall.EpollEvent{Events: events, Fd: int32(fd)})
}

// wait returns no events when timeout passes; a negative one never does.
func (p *epoll) wait(timeout time.Duration) ([]syscall.EpollEvent, error) {
	ms := -1
	if timeout >= 0 {
		ms = int(timeout / time.Millisecond)
	}
	for {
		n, _, errno := syscall.RawSyscall6(syscall.SYS_EPOLL_PWAIT, uintptr(p.fd),
			uintptr(unsafe.Pointer(&p.events[0])), uintptr(len(p.events)), uintptr(ms), 0, 0)
		if errno == 0 {
			return p.events[:n], nil
		}
		if errno != syscall.EINTR {
			return nil, errno
		}
	}
}

// read returns again when the socket has nothing; n is 0 at the end.
func read(fd int, b []byte) (n int, again bool, err error) {
	return transfer(syscall.SYS_READ, fd, b)
}

func write(fd int, b []byte) (n int, again bool, err error) {
	return transfer(syscall.SYS_WRITE, fd, b)
}

func transfer(trap uintptr, fd int, b []byte) (int, bool, error) {
	for {
		n, _, errno := syscall.RawSyscall(trap, uintptr(fd), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
		switch errno {
		case 0:
			return int(n), false, nil
		case syscall.EAGAIN:
			return 0, true, nil
		case syscall.EINTR:
		default:
			return 0, false, errno
		}
	}
}

// prepare makes a socket non-blocking and lets close reset it: 9,000 sockets
// in TIME_WAIT would leave the next variant short of ports.
func prepare(fd int) error {
	if err := syscall.SetNonblock(fd, true); err != nil {
		return err
	}
	if err := syscall.SetsockoptInt(fd, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1); err != nil {
		return err
	}
	return syscall.SetsockoptLinger(fd, syscall.SOL_SOCKET, syscall.SO_LINGER, &syscall.Linger{Onoff: 1})
}

// listen opens a loopback port of the kernel's choice.
func listen() (fd, port int, err error) {
	fd, err = syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1, 0, err
	}
	if err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return -1, 0, err
	}
	if err = syscall.Listen(fd, 4096); err != nil {
		return -1, 0, err
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		return -1, 0, err
	}
	return fd, name.(*syscall.SockaddrInet4).Port, nil
}

func dial(port int) (int, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	if err := syscall.Connect(fd, &syscall.SockaddrInet4{Port: port, Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		syscall.Close(fd)
		return -1, fmt.Errorf("connect to 127.0.0.1:%d: %w", port, err)
	}
	return fd, nil
}
