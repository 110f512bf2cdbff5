package cli

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/terminal"
)

// openTerminal returns the two ends of a pseudo-terminal: the keyboard, and the terminal of a program.
func openTerminal(t *testing.T) (keyboard, program *os.File) {
	t.Helper()
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, keyboard.Close()) })
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	number, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, program.Close()) })
	return keyboard, program
}

// A person at a terminal types a password twice. A typing error changes nothing.
func TestPasswordAtATerminal(t *testing.T) {
	t.Parallel()
	const password = "correct horse battery"
	create := func(typed string) result {
		keyboard, program := openTerminal(t)
		_, err := keyboard.WriteString(typed)
		require.NoError(t, err)
		var out, stderr bytes.Buffer
		s := offline()
		code := Run(enginetest.Context(t), []string{"account", "create", "ann", "--role", "admin"}, Streams{
			In: program, Out: &out, Err: &stderr, Environ: s.environ, Components: s.components,
		})
		require.NotContains(t, out.String()+stderr.String(), password)
		return result{code: code, out: out.String(), err: stderr.String()}
	}
	const questions = "Password of ann: \nThe same again: \n"
	for typed, want := range map[string]string{
		password + "\ncorrect horse batteri\n": "sluice: the two passwords differ: nothing was changed\n",
		"too short\ntoo short\n":               "sluice: invalid password: want at least 12 characters\n",
	} {
		r := create(typed)
		require.Equal(t, questions+want, r.err)
		require.NotZero(t, r.code)
	}
	// The account itself fails only for the lack of a store.
	r := create(password + "\n" + password + "\n")
	require.Equal(t, exitUnavailable, r.code)
	require.Contains(t, r.err, questions+"sluice: reach the store: ")
}

// A table is narrowed to the terminal of a command, through the writer that escapes what the table holds.
func TestTableFitsTerminal(t *testing.T) {
	t.Parallel()
	keyboard, program := openTerminal(t)
	require.NoError(t, unix.IoctlSetWinsize(int(program.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 60}))
	table := terminal.NewTable("ID", "AT", "REASON")
	table.Row("7", "2026-01-31 12:00:00", strings.Repeat("x", 80))
	require.NoError(t, table.Write(terminal.NewWriter(program)))
	lines, colours := bufio.NewScanner(keyboard), regexp.MustCompile("\x1b\\[\\d+m")
	for _, want := range []string{"ID  AT                   REASON", "7   2026-01-31 12:00:00  " + strings.Repeat("x", 32) + "..."} {
		require.True(t, lines.Scan())
		require.Equal(t, want, colours.ReplaceAllString(lines.Text(), ""))
	}
}
