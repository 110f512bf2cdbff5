package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func cancelImport(ctx context.Context, s *session, id int64, client *starter.Starter) error {
	if err := client.Cancel(ctx, id, by(s.cli)); err != nil {
		return err
	}
	if !s.cli.Bool("wait") {
		return say(s.cli, "cancelling import %d; its rows are being purged", id)
	}
	last, err := client.Wait(ctx, id, nil)
	if err != nil {
		return err
	}
	if last.Import.Status != importstore.StatusCancelled {
		return exitWith(exitRefused,
			fmt.Errorf("import %d ended before it could be cancelled: it is %s", id, last.Import.Status))
	}
	return say(s.cli, "cancelled import %d and purged its rows", id)
}

func deleteImport(ctx context.Context, s *session, id int64, client *starter.Starter) error {
	if err := client.Delete(ctx, id); err != nil {
		return err
	}
	if s.cli.Bool("no-wait") {
		return say(s.cli, "deleting import %d", id)
	}
	return sayDone(s.cli, client.WaitDeleted(ctx, id), "deleted import %d", id)
}

// partRef names a part of an import.
type partRef struct {
	importID int64
	part     int32
}

func retryPart(ctx context.Context, s *session, p partRef, client *starter.Starter) error {
	return sayDone(s.cli, client.RetryPart(ctx, p.importID, p.part, by(s.cli)),
		"retrying part %d of import %d", p.part, p.importID)
}

func skipPart(ctx context.Context, s *session, p partRef, client *starter.Starter) error {
	return sayDone(s.cli, client.SkipPart(ctx, p.importID, p.part, by(s.cli)),
		"skipping part %d of import %d", p.part, p.importID)
}

func partArgs(c *cli.Context) (p partRef, err error) {
	if c.NArg() != 2 {
		return p, fmt.Errorf("want two arguments, an import ID and a part number: see `%s --help`", c.Command.HelpName)
	}
	if p.importID, err = parseID(c.Args().Get(0)); err != nil {
		return p, err
	}
	no, err := strconv.ParseInt(c.Args().Get(1), 10, 32)
	if err != nil || no < 0 {
		return p, fmt.Errorf("invalid part number %q: want 0 or more (see `sluice import parts %d`)", c.Args().Get(1),
			p.importID)
	}
	p.part = int32(no)
	return p, nil
}
