package killtest_test

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// tracedCall is a system call that writes to a file of the log or to a connection, or syncs a file.
type tracedCall struct {
	// Begun and Ended order the begins and the ends of all calls. What a call has caused begins after its end.
	Begun, Ended int
	// File is the path, or socket:[number].
	File string
	// Sync is true for fsync and fdatasync, otherwise Data is written.
	Sync   bool
	Data   []byte
	Failed bool
}

// syscallTracer runs a program under ptrace(2) and writes down what it writes and syncs, as strace does. It is a
// process of its own, because it waits for all of its children.
type syscallTracer struct {
	main   int
	out    *json.Encoder
	number int
	// open are the system calls that threads are in.
	open map[int]*tracedCall
}

// traceSyscalls runs this program again, with the same arguments and those of envSyscallArgs, and appends its system
// calls to a file. It returns the exit code of the program.
func traceSyscalls(file string) int {
	code, err := runTraced(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, "trace system calls:", err)
		return 1
	}
	return code
}

func runTraced(file string) (int, error) {
	// The kernel knows a thread as the tracer.
	runtime.LockOSThread()
	out, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	args := slices.Concat(os.Args[1:], strings.Fields(os.Getenv(envSyscallArgs)))
	cmd := exec.Command(os.Args[0], args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), envSyscalls+"=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start the traced program: %w", err)
	}
	t := &syscallTracer{main: cmd.Process.Pid, out: json.NewEncoder(out), open: map[int]*tracedCall{}}
	stops := make(chan os.Signal, 1)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for s := range stops {
			if err := cmd.Process.Signal(s); err != nil {
				fmt.Fprintln(os.Stderr, "pass on a signal:", err)
			}
		}
	}()
	code, err := t.run()
	return code, errors.Join(err, out.Close())
}

// run follows the program and its threads to its end.
func (t *syscallTracer) run() (code int, err error) {
	var status unix.WaitStatus
	if _, err := unix.Wait4(t.main, &status, unix.WALL, nil); err != nil {
		return 0, fmt.Errorf("wait for the traced program: %w", err)
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(t.main, options); err != nil {
		return 0, fmt.Errorf("set options: %w", err)
	}
	if err := unix.PtraceSyscall(t.main, 0); err != nil {
		return 0, fmt.Errorf("begin: %w", err)
	}
	for {
		thread, err := unix.Wait4(-1, &status, unix.WALL, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return 0, fmt.Errorf("wait for threads: %w", err)
		case status.Exited() || status.Signaled():
			if thread == t.main {
				return status.ExitStatus(), nil
			}
			delete(t.open, thread)
			continue
		}
		deliver := 0
		switch s := status.StopSignal(); s {
		case unix.SIGTRAP | 0x80:
			err = t.stopped(thread)
		case unix.SIGTRAP, unix.SIGSTOP:
			// A new thread.
		default:
			deliver = int(s)
		}
		if err != nil {
			return 0, err
		}
		// A thread may be gone.
		if err := unix.PtraceSyscall(thread, deliver); err != nil && !errors.Is(err, unix.ESRCH) {
			return 0, fmt.Errorf("continue thread %d: %w", thread, err)
		}
	}
}

// syscallInfo is struct ptrace_syscall_info.
type syscallInfo struct {
	Op   uint8
	_    [3]uint8
	Arch uint32
	IP   uint64
	SP   uint64
	// Data has number and arguments at the begin of a call, its result and whether that is an error at its end.
	Data [8]uint64
}

// stopped notes that a thread begins or ends a system call.
func (t *syscallTracer) stopped(thread int) error {
	var info syscallInfo
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread), unsafe.Sizeof(info),
		uintptr(unsafe.Pointer(&info)), 0, 0)
	if errno == unix.ESRCH {
		return nil
	}
	if errno != 0 {
		return fmt.Errorf("read a system call of thread %d: %w", thread, errno)
	}
	t.number++
	if info.Op == unix.PTRACE_SYSCALL_INFO_ENTRY {
		call, err := t.begun(thread, info.Data)
		if err == nil && call != nil {
			call.Begun = t.number
			t.open[thread] = call
		}
		return err
	}
	call := t.open[thread]
	if call == nil {
		return nil
	}
	delete(t.open, thread)
	call.Ended, call.Failed = t.number, info.Data[1] != 0
	return t.out.Encode(call)
}

// begun returns a call that writes or syncs a file of the log or a connection, nil for others.
func (t *syscallTracer) begun(thread int, data [8]uint64) (*tracedCall, error) {
	number, fd, at, size := data[0], int(data[1]), data[2], data[3]
	switch number {
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV, unix.SYS_FSYNC, unix.SYS_FDATASYNC:
	default:
		return nil, nil
	}
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", thread, fd))
	if err != nil || !strings.HasPrefix(path, "socket:") && !strings.HasSuffix(path, ".blk") {
		// A closed descriptor is a failed call.
		return nil, nil //nolint:nilerr // see above
	}
	call := &tracedCall{File: path}
	switch number {
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		call.Sync = true
	case unix.SYS_WRITEV:
		call.Data, err = t.readVector(thread, at, int(size))
	default:
		call.Data, err = t.read(thread, at, int(size))
	}
	if err != nil {
		return nil, fmt.Errorf("read what thread %d writes: %w", thread, err)
	}
	return call, nil
}

// read returns memory of the program.
func (t *syscallTracer) read(thread int, at uint64, size int) ([]byte, error) {
	data := make([]byte, size)
	if size == 0 {
		return data, nil
	}
	local := []unix.Iovec{{Base: &data[0]}}
	local[0].SetLen(size)
	n, err := unix.ProcessVMReadv(thread, local, []unix.RemoteIovec{{Base: uintptr(at), Len: size}}, 0)
	if err == nil && n != size {
		err = io.ErrUnexpectedEOF
	}
	return data, err
}

// readVector returns the memory that an array of struct iovec names.
func (t *syscallTracer) readVector(thread int, at uint64, count int) ([]byte, error) {
	const size = int(unsafe.Sizeof(unix.Iovec{}))
	vector, err := t.read(thread, at, count*size)
	if err != nil {
		return nil, err
	}
	var all []byte
	for i := range count {
		entry := vector[i*size:]
		part, err := t.read(thread, binary.NativeEndian.Uint64(entry), int(binary.NativeEndian.Uint64(entry[size/2:])))
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	return all, nil
}
