package cli

import (
	"context"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/starter"
)

// byFlag names the author of a command.
func byFlag() cli.Flag {
	return &cli.StringFlag{Name: "by", Usage: "record the command under `NAME`", DefaultText: "your account name"}
}

// reasonFlag is the reason of a command.
func reasonFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "record the reason `TEXT` in the import's log" + usage}
}

// by returns the author and the reason of a command.
func by(c *cli.Context) starter.By { return starter.By{Who: whoami(c), Why: why(c)} }

// why returns the reason, as one line of at most inbound.MaxReason bytes.
func why(c *cli.Context) string {
	return inbound.Cut(inbound.Clean(c.String("reason")), inbound.MaxReason)
}

// whoami returns the author of the command, as one line of at most inbound.MaxName bytes.
func whoami(c *cli.Context) string { return inbound.Cut(inbound.Clean(account(c)), inbound.MaxName) }

func account(c *cli.Context) string {
	if name := c.String("by"); name != "" {
		return name
	}
	return osUser(c)
}

// osUser returns the operating-system user.
func osUser(c *cli.Context) string {
	for _, entry := range environ(c) {
		if name, ok := strings.CutPrefix(entry, "USER="); ok && name != "" {
			return name
		}
	}
	if account, err := user.Current(); err == nil {
		return account.Username
	}
	return ""
}

func controlCommands() []*cli.Command {
	return []*cli.Command{
		{
			Name: "pause", Usage: "pause an import", ArgsUsage: "ID",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withArg(idArg, (*session).Starter, pauseImport),
		},
		{
			Name: "resume", Usage: "resume a paused import", ArgsUsage: "ID",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withArg(idArg, (*session).Starter, resumeImport),
		},
		{
			Name: "set-rate", Usage: "limit the rows per second that an import loads; 0 for no limit", ArgsUsage: "ID ROWS",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withArg(rateArgs, (*session).Starter, setRate),
		},
	}
}

func pauseImport(ctx context.Context, s *session, id int64, client *starter.Starter) error {
	return sayDone(s.cli, client.Pause(ctx, id, by(s.cli)),
		"paused import %d; resume it with `sluice import resume %d`", id, id)
}

func resumeImport(ctx context.Context, s *session, id int64, client *starter.Starter) error {
	return sayDone(s.cli, client.Resume(ctx, id, by(s.cli)), "resumed import %d", id)
}

// reasoned is read of a command whose --reason is required.
func reasoned[A any](read func(*cli.Context) (A, error)) func(*cli.Context) (A, error) {
	return func(c *cli.Context) (A, error) {
		arg, err := read(c)
		if err == nil {
			err = requireFlag(c, "reason", "a reason for the import's log")
		}
		return arg, err
	}
}

// newRate is a rate of an import, 0 for no limit.
type newRate struct{ importID, rowsPerSecond int64 }

func rateArgs(c *cli.Context) (r newRate, err error) {
	if c.NArg() != 2 {
		return r, fmt.Errorf("want two arguments, an import ID and rows per second: see `%s --help`", c.Command.HelpName)
	}
	if r.importID, err = parseID(c.Args().Get(0)); err != nil {
		return r, err
	}
	r.rowsPerSecond, err = strconv.ParseInt(c.Args().Get(1), 10, 64)
	if err != nil || r.rowsPerSecond < 0 {
		return r, fmt.Errorf("invalid rate %q: want rows per second, or 0 for no limit", c.Args().Get(1))
	}
	return r, nil
}

func setRate(ctx context.Context, s *session, r newRate, client *starter.Starter) error {
	err := client.SetRate(ctx, r.importID, r.rowsPerSecond, by(s.cli))
	if r.rowsPerSecond == 0 {
		return sayDone(s.cli, err, "removed the rate limit of import %d", r.importID)
	}
	return sayDone(s.cli, err, "limited import %d to %s rows/s", r.importID, humanize.Comma(r.rowsPerSecond))
}
