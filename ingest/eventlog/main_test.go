package eventlog_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
)

// childVar makes this test binary a server of its own, in the folder that it names.
const childVar = "EVENTLOG_TEST_DIR"

const childToken = "of-the-test"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childVar); dir != "" {
		serve(dir)
		return
	}
	os.Exit(m.Run())
}

// serve runs a server until standard input ends: its parent's end is its own.
func serve(dir string) {
	s, err := embedded.Start(embedded.Config{
		Dir: dir, Listen: os.Getenv(childVar + "_LISTEN"), Token: childToken, Logger: quiet,
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.URL())
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		os.Exit(1)
	}
}

// child is a server in a process of its own.
type child struct {
	cmd *exec.Cmd
	// address is host and port.
	address string
}

// startChild starts a server on an address, or on a free port of loopback.
func startChild(t *testing.T, dir, listen string) *child {
	t.Helper()
	if listen == "" {
		listen = "127.0.0.1:-1"
	}
	c := &child{cmd: exec.Command(os.Args[0])}
	c.cmd.Env = append(os.Environ(), childVar+"="+dir, childVar+"_LISTEN="+listen)
	stdin, err := c.cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := c.cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, c.cmd.Start())
	t.Cleanup(func() {
		c.kill()
		end(stdin)
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	require.NoError(t, err)
	address, ok := strings.CutPrefix(strings.TrimSpace(line), "nats://")
	require.True(t, ok, line)
	c.address = address
	return c
}

// kill ends the process by SIGKILL, and returns once it is gone.
func (c *child) kill() {
	//nolint:errcheck // it may be gone already, and its end by a signal is an error
	c.cmd.Process.Kill()
	//nolint:errcheck // as above
	c.cmd.Wait()
}
