//go:build unix

package sourcefile

import "syscall"

// nonBlock makes the open of a named pipe return at once. Regular files ignore it.
const nonBlock = syscall.O_NONBLOCK
