package supervise

import (
	"fmt"
	"os/exec"
	"runtime"
	"sync"
)

// spawner starts processes from one OS thread that lives until close.
//
// Linux sends the parent death signal when the *thread* that forked ends, not
// the process. The Go runtime ends idle threads as it likes, so a child started
// from an ordinary goroutine may be killed at any moment.
type spawner struct {
	requests chan spawnRequest
	done     chan struct{}
	once     sync.Once
}

type spawnRequest struct {
	cmd    *exec.Cmd
	result chan error
}

func newSpawner() *spawner {
	s := &spawner{requests: make(chan spawnRequest), done: make(chan struct{})}
	go s.loop()
	return s
}

func (s *spawner) loop() {
	// Never unlocked: the thread ends with this goroutine, and with it dies
	// whatever was started here and is still alive.
	runtime.LockOSThread()
	for {
		select {
		case req := <-s.requests:
			req.result <- req.cmd.Start()
		case <-s.done:
			return
		}
	}
}

// start starts cmd, which may be waited for from any goroutine.
func (s *spawner) start(cmd *exec.Cmd) error {
	req := spawnRequest{cmd: cmd, result: make(chan error, 1)}
	select {
	case s.requests <- req:
		return <-req.result
	case <-s.done:
		return fmt.Errorf("start %s: supervisor is closed", cmd.Path)
	}
}

// close ends the thread and, on Linux, every process started by it.
func (s *spawner) close() { s.once.Do(func() { close(s.done) }) }
