package app

import (
	"os"
	"syscall"

	"golang.org/x/term"
)

func signalsOf(list []syscall.Signal) []os.Signal {
	out := make([]os.Signal, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// forwardSignals are passed on to the command of `exec`.
var forwardSignals = []syscall.Signal{
	syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGQUIT, syscall.SIGUSR1, syscall.SIGUSR2,
}

// forwards decides whether a signal that we got must be passed on. A terminal
// sends those of its keys to the whole foreground group, the command included;
// a second one would make it give up its own orderly end.
func forwards(s os.Signal) bool {
	switch s {
	case syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP:
		return !term.IsTerminal(int(os.Stdin.Fd()))
	}
	return true
}
