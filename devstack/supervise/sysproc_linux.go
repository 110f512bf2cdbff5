package supervise

import "syscall"

// sysProcAttr puts a child into a process group of its own, so that Ctrl-C in
// a terminal reaches the parent alone and engines stop in order, and has the
// kernel kill the child when the thread that started it ends.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// foregroundAttr leaves the child in the parent's process group, where the
// terminal's signals and its input reach it.
func foregroundAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
