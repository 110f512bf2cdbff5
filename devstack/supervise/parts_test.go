package supervise

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	b := backoff{minimum: 100 * time.Millisecond, maximum: time.Second}
	for i, ms := range []int{100, 200, 400, 800, 1000, 1000} {
		want := time.Duration(ms) * time.Millisecond
		got := b.next()
		require.GreaterOrEqual(t, got, want, "pause %d", i)
		require.LessOrEqual(t, got, want+want/5, "pause %d", i)
	}
	b.reset()
	require.LessOrEqual(t, b.next(), 120*time.Millisecond)
}

func TestLineWriter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		writes []string
		want   []string
	}{
		"one line":                   {[]string{"a\n"}, []string{"a"}},
		"a line in pieces":           {[]string{"a", "b", "c\n"}, []string{"abc"}},
		"several lines":              {[]string{"a\nb\n\nc"}, []string{"a", "b", "", "c"}},
		"carriage returns":           {[]string{"a\r\nb\r\n"}, []string{"a", "b"}},
		"nothing":                    {nil, nil},
		"a line that is too long":    {[]string{strings.Repeat("x", maxLine), "y\n"}, []string{strings.Repeat("x", maxLine), "y"}},
		"only the last are kept":     {[]string{"1\n2\n3\n4\n5\n"}, []string{"1", "2", "3", "4", "5"}},
		"unfinished line at the end": {[]string{"a\nb"}, []string{"a", "b"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got []string
			w := newLineWriter(4, func(line []byte) { got = append(got, string(line)) })
			for _, s := range tc.writes {
				n, err := w.Write([]byte(s))
				require.NoError(t, err)
				require.Equal(t, len(s), n)
			}
			w.flush()
			require.Equal(t, tc.want, got)
			require.Equal(t, tc.want[max(0, len(tc.want)-4):], append([]string(nil), w.tail()...))
		})
	}
}

func TestLogFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.log")
	l, err := openLogFile(path, 10)
	require.NoError(t, err)
	for _, line := range []string{"1234", "5678", "abcd", "a line above the limit", "e"} {
		require.NoError(t, l.writeLine([]byte(line)))
	}
	require.NoError(t, l.close())
	require.NoError(t, l.writeLine([]byte("after close")), "a late line is dropped")

	now, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "e\n", string(now))
	before, err := os.ReadFile(path + ".1")
	require.NoError(t, err)
	require.Equal(t, "a line above the limit\n", string(before))

	again, err := openLogFile(path, 10)
	require.NoError(t, err)
	require.NoError(t, again.writeLine([]byte("f")))
	require.NoError(t, again.close())
	now, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "e\nf\n", string(now), "a restart appends")
}

func TestPrefixer(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newPrefixer(&out, true)
	p.add("pg")
	p.add("temporal")
	require.NoError(t, p.writeLine("pg", []byte("up")))
	require.NoError(t, p.writeLine("temporal", []byte("up")))
	require.NoError(t, p.writeLine("pg", []byte("a\tb\x1b[2J\u202e")))
	require.Equal(t, "\x1b[36mpg       |\x1b[0m up\n\x1b[32mtemporal |\x1b[0m up\n"+
		"\x1b[36mpg       |\x1b[0m a\tb\\u001b[2J\\u202e\n", out.String())
}

func TestForeground(t *testing.T) {
	t.Parallel()

	t.Run("returns the exit code", func(t *testing.T) {
		t.Parallel()
		code, err := Foreground(exec.Command("sh", "-c", "exit 7"), nil, nil)
		require.NoError(t, err)
		require.Equal(t, 7, code)
	})

	t.Run("returns 128 plus the signal", func(t *testing.T) {
		t.Parallel()
		code, err := Foreground(exec.Command("sh", "-c", "kill -9 $$"), nil, nil)
		require.NoError(t, err)
		require.Equal(t, 128+9, code)
	})

	t.Run("says that a program does not exist", func(t *testing.T) {
		t.Parallel()
		_, err := Foreground(exec.Command("no-such-program-anywhere"), nil, nil)
		require.ErrorIs(t, err, exec.ErrNotFound)
	})

	t.Run("forwards what keep lets through", func(t *testing.T) {
		t.Parallel()
		// The shell reports that its traps are set before any signal is sent.
		ready, out := io.Pipe()
		cmd := exec.Command("sh", "-c", "trap 'exit 5' TERM; trap 'exit 6' INT; echo ready; while :; do sleep 0.01; done")
		cmd.Stdout = out
		signals := make(chan os.Signal, 2)
		done := make(chan int, 1)
		failed := make(chan error, 1)
		go func() {
			code, err := Foreground(cmd, signals, func(s os.Signal) bool { return s != syscall.SIGINT })
			failed <- err
			done <- code
		}()
		_, err := io.ReadFull(ready, make([]byte, len("ready")))
		require.NoError(t, err)
		go func() { _, err := io.Copy(io.Discard, ready); failed <- err }()
		signals <- syscall.SIGINT
		signals <- syscall.SIGTERM
		require.NoError(t, <-failed)
		require.Equal(t, 5, <-done)
		require.NoError(t, out.Close())
		require.NoError(t, <-failed)
	})
}
