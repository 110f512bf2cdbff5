package clickhouse

import (
	"fmt"
	"syscall"

	"github.com/ebitengine/purego"
)

// sigactionSize is more than struct sigaction takes on any platform we run
// on: 152 bytes in glibc, 16 on macOS.
const sigactionSize = 256

// guardedSignals are the ones that Go's runtime turns into panics and crash
// reports, and the ones that it or os/signal may be waiting for.
var guardedSignals = []syscall.Signal{
	syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGILL,
	syscall.SIGTRAP, syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE,
	syscall.SIGSEGV, syscall.SIGPIPE, syscall.SIGTERM, syscall.SIGSYS,
}

// keepSignals runs f and then restores the signal handlers. Loading and starting the engine resets
// SIGSEGV and similar signals to their defaults, even if it is configured to keep them; without
// Go's handlers a nil dereference ends the process without a trace instead of panicking.
func keepSignals(f func() error) error {
	address, err := purego.Dlsym(purego.RTLD_DEFAULT, "sigaction")
	if err != nil {
		return fmt.Errorf("look up sigaction: %w", err)
	}
	var sigaction func(sig int32, set, old *[sigactionSize]byte) int32
	purego.RegisterFunc(&sigaction, address)

	saved := make([][sigactionSize]byte, len(guardedSignals))
	for i, sig := range guardedSignals {
		if sigaction(int32(sig), nil, &saved[i]) != 0 {
			return fmt.Errorf("save handler of %s", sig)
		}
	}
	if err := f(); err != nil {
		return err
	}
	for i, sig := range guardedSignals {
		if sigaction(int32(sig), &saved[i], nil) != 0 {
			return fmt.Errorf("restore handler of %s", sig)
		}
	}
	return nil
}
