package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	accessstore "github.com/sluicehq/sluice/store/access"
)

const passwordHelp = "The password, of at least 12 characters, is read from a terminal without echo, and otherwise " +
	"from\n" + // the help has a line break here
	"standard input or from --password-file. It is never an argument, which other users and the shell's history can see."

func passwordFileFlag() cli.Flag {
	return &cli.StringFlag{Name: "password-file", Usage: "read the password from the file `PATH`; - for standard input"}
}

// readPassword reads the password of an account. Errors repeat none of it.
func readPassword(c *cli.Context, account string) (string, error) {
	password, err := askPassword(c, account)
	if err != nil {
		return "", err
	}
	return password, accessstore.CheckPassword(password)
}

func askPassword(c *cli.Context, account string) (string, error) {
	path := c.String("password-file")
	if input, ok := c.App.Reader.(*os.File); ok && path == "" && term.IsTerminal(int(input.Fd())) {
		return promptPassword(c, input, account)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(c.App.Reader), nil }
	if path != "" && path != "-" {
		open = func() (io.ReadCloser, error) { return os.Open(path) }
	}
	data, err := readBounded(open)
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	password := strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
	if password == "" {
		return "", errors.New("the password is empty: want it on standard input, or in the file of --password-file")
	}
	return password, nil
}

// promptPassword asks for a password twice, without echo.
func promptPassword(c *cli.Context, input *os.File, account string) (string, error) {
	var answers [2]string
	for i, question := range []string{"Password of " + account + ": ", "The same again: "} {
		if _, err := fmt.Fprint(c.App.ErrWriter, question); err != nil {
			return "", err
		}
		answer, err := term.ReadPassword(int(input.Fd()))
		if _, werr := fmt.Fprintln(c.App.ErrWriter); err != nil || werr != nil {
			return "", fmt.Errorf("read the password: %w", errors.Join(err, werr))
		}
		answers[i] = string(answer)
	}
	if answers[0] != answers[1] {
		return "", errors.New("the two passwords differ: nothing was changed")
	}
	return answers[0], nil
}
