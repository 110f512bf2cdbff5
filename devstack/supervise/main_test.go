package supervise

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
)

// The test binary is also the programs that the tests supervise.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "child" {
		os.Exit(childMain(os.Args[2], os.Args[3:]))
	}
	os.Exit(m.Run())
}

// childMain is one of several small programs; its result is the exit code.
func childMain(kind string, args []string) int {
	if HasLifeline() && kind != "deaf" {
		Guard(os.Stdin, func() { os.Exit(1) })
	}
	switch kind {
	case "fail": // says why and exits with the code in args[0]
		fmt.Println("cannot open the moon")
		code, err := strconv.Atoi(args[0])
		if err != nil {
			return 1
		}
		return code
	case "once": // exits with 3 until the file args[0] exists, which it makes
		if _, err := os.Stat(args[0]); err == nil {
			return serve(args[1])
		}
		if err := os.WriteFile(args[0], nil, 0o600); err != nil {
			return 1
		}
		return 3
	case "serve": // answers on args[0] until SIGTERM, then exits with 0
		return serve(args[0])
	case "stubborn": // serves and ignores SIGTERM
		return serve(args[0], syscall.SIGUSR1)
	case "deaf": // like serve, but does not look at its lifeline
		return serve(args[0])
	case "parent": // supervises "serve" on args[0] and "deaf" on args[1]
		return parent(args[0], args[1])
	case "family": // starts "deaf" on args[0] in its group and serves on args[1]
		cmd := exec.Command(os.Args[0], "child", "deaf", args[0])
		if err := cmd.Start(); err != nil {
			return 1
		}
		return serve(args[1])
	}
	return 64
}

// serve answers with its process id until SIGTERM, or the signals given instead.
func serve(address string, until ...os.Signal) int {
	if until == nil {
		until = []os.Signal{syscall.SIGTERM}
	} else {
		signal.Ignore(syscall.SIGTERM)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), until...)
	defer stop()
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := fmt.Fprint(w, os.Getpid()); err != nil {
			return
		}
	})}
	go func() {
		<-ctx.Done()
		if err := srv.Close(); err != nil {
			os.Exit(1)
		}
	}()
	fmt.Println("serving")
	if err := srv.Serve(l); ctx.Err() == nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

func parent(guarded, deaf string) int {
	s, err := New(Config{})
	if err != nil {
		return 1
	}
	for kind, address := range map[string]string{"serve": guarded, "deaf": deaf} {
		_, err := s.Start(Spec{Name: kind, Path: os.Args[0], Args: []string{"child", kind, address}})
		if err != nil {
			return 1
		}
	}
	select {} // until a signal ends the process
}

// self returns a spec that runs this binary as one of childMain's programs.
func self(t *testing.T, args ...string) Spec {
	t.Helper()
	return Spec{Name: filepath.Base(t.Name()), Path: os.Args[0], Args: append([]string{"child"}, args...)}
}
