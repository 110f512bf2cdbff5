package cli

import (
	"context"
	"fmt"
	"os/user"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/terminal"
	"github.com/sluicehq/sluice/starter"
)

// byFlag says who gives an order.
func byFlag() cli.Flag {
	return &cli.StringFlag{Name: "by", Usage: "say who you are: `NAME`", DefaultText: "the name of your account"}
}

// reasonFlag says why an order is given.
func reasonFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "reason", Usage: "say why by this `TEXT`, which goes into the import's log" + usage}
}

// by returns who gives an order, and why.
func by(c *cli.Context) starter.By { return starter.By{Who: whoami(c), Why: why(c)} }

// why returns the reason, as one line of at most inbound.MaxReason bytes.
func why(c *cli.Context) string {
	return inbound.Cut(inbound.Clean(c.String("reason")), inbound.MaxReason)
}

// whoami returns who runs the command, as one line of at most inbound.MaxName bytes.
func whoami(c *cli.Context) string { return inbound.Cut(inbound.Clean(account(c)), inbound.MaxName) }

func account(c *cli.Context) string {
	if name := c.String("by"); name != "" {
		return name
	}
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

func orderCommands() []*cli.Command {
	return []*cli.Command{
		{
			Name: "pause", Usage: "interrupt an import where it stands", ArgsUsage: "ID",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withSession(pauseImport),
		},
		{
			Name: "resume", Usage: "let a paused import go on", ArgsUsage: "ID",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withSession(resumeImport),
		},
		{
			Name: "set-rate", Usage: "bound how many rows a second an import loads; 0 for no bound", ArgsUsage: "ID ROWS",
			Flags: []cli.Flag{byFlag(), reasonFlag("")}, Action: withSession(setRate),
		},
	}
}

func pauseImport(ctx context.Context, s *session) error {
	id, client, err := orderTo(ctx, s)
	if err != nil {
		return err
	}
	if err := client.Pause(ctx, id, by(s.cli)); err != nil {
		return err
	}
	return say(s.cli, "import %d is paused: `sluice import resume %d` lets it go on", id, id)
}

func resumeImport(ctx context.Context, s *session) error {
	id, client, err := orderTo(ctx, s)
	if err != nil {
		return err
	}
	if err := client.Resume(ctx, id, by(s.cli)); err != nil {
		return err
	}
	return say(s.cli, "import %d goes on", id)
}

// orderTo returns the import that an order is for.
func orderTo(ctx context.Context, s *session) (int64, *starter.Starter, error) {
	id, err := idArg(s.cli)
	if err != nil {
		return 0, nil, err
	}
	client, err := s.Starter(ctx)
	return id, client, err
}

func setRate(ctx context.Context, s *session) error {
	c := s.cli
	if c.NArg() != 2 {
		return fmt.Errorf("want two arguments, the ID of an import and rows a second: see `%s --help`", c.Command.HelpName)
	}
	id, err := parseID(c.Args().Get(0))
	if err != nil {
		return err
	}
	rate, err := strconv.ParseInt(c.Args().Get(1), 10, 64)
	if err != nil || rate < 0 {
		return fmt.Errorf("%q is not a number of rows a second: want 0, for no bound, or more", c.Args().Get(1))
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	if err := client.SetRate(ctx, id, rate, by(c)); err != nil {
		return err
	}
	if rate == 0 {
		return say(c, "import %d loads as fast as it goes", id)
	}
	return say(c, "import %d loads at most %s rows a second", id, terminal.Count(rate))
}
