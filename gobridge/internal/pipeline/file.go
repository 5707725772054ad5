package pipeline

import (
	"io"
	"syscall"
)

// file is a part of a file, with a descriptor of its own.
type file struct {
	fd   int
	off  int64
	size int64
}

func newFile(fd int, off, size int64) (*file, error) {
	const dupCloexec = 1030 // F_DUPFD_CLOEXEC of Linux
	dup, _, errno := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), dupCloexec, 0)
	if errno != 0 {
		return nil, errno
	}
	return &file{int(dup), off, size}, nil
}

// appendTo appends the part to p.
func (f *file) appendTo(p []byte) ([]byte, error) {
	n := len(p)
	p = append(p, make([]byte, f.size)...)
	for off := f.off; n < len(p); {
		k, err := syscall.Pread(f.fd, p[n:], off)
		switch {
		case err == syscall.EINTR:
			continue
		case err != nil:
			return p[:n], err
		case k <= 0:
			return p[:n], io.ErrUnexpectedEOF
		}
		n += k
		off += int64(k)
	}
	return p, nil
}

func (f *file) close() { syscall.Close(f.fd) }
