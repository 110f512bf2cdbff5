//go:build unix && !linux

package supervise

import "syscall"

// sysProcAttr puts a child into a process group of its own. There is no parent
// death signal outside Linux; the lifeline alone ends the child there.
func sysProcAttr() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// foregroundAttr leaves the child in the parent's process group.
func foregroundAttr() *syscall.SysProcAttr { return nil }
