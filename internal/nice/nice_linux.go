package nice

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// Process gives the process a nice value of at least n, from 0 to 19. It never lowers one.
func Process(n int) error {
	// On Linux a nice value belongs to a thread, and a new thread has that of the one that starts it. A thread that
	// was not yet changed may have started others meanwhile.
	for changed := n > 0; changed; {
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("set the nice value to %d: %w", n, err)
		}
		changed = false
		for _, thread := range threads {
			id, err := strconv.Atoi(thread.Name())
			if err != nil {
				return fmt.Errorf("set the nice value to %d: %w", n, err)
			}
			raised, err := raise(id, n)
			if err != nil {
				return fmt.Errorf("set the nice value of a thread to %d: %w", n, err)
			}
			changed = changed || raised
		}
	}
	return nil
}

// raise reports whether a thread had a smaller value. A thread that has ended is none.
func raise(thread, n int) (bool, error) {
	have, err := value(thread)
	if err == nil && have < n {
		err = syscall.Setpriority(syscall.PRIO_PROCESS, thread, n)
	}
	if errors.Is(err, syscall.ESRCH) {
		return false, nil
	}
	return have < n, err
}

// value returns the nice value of a thread.
func value(thread int) (int, error) {
	// The system call returns 20 less the value, so that it is never negative.
	const offset = 20
	inverse, err := syscall.Getpriority(syscall.PRIO_PROCESS, thread)
	return offset - inverse, err
}
