package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	importstore "github.com/sluicehq/sluice/store/importing"
)

func cancelImport(ctx context.Context, s *session) error {
	id, err := idArg(s.cli)
	if err != nil {
		return err
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
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

func deleteImport(ctx context.Context, s *session) error {
	id, err := idArg(s.cli)
	if err != nil {
		return err
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	if err := client.Delete(ctx, id); err != nil {
		return err
	}
	if s.cli.Bool("no-wait") {
		return say(s.cli, "deleting import %d", id)
	}
	if err := client.WaitDeleted(ctx, id); err != nil {
		return err
	}
	return say(s.cli, "deleted import %d", id)
}

func retryPart(ctx context.Context, s *session) error {
	id, part, err := partArgs(s.cli)
	if err != nil {
		return err
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	if err := client.RetryPart(ctx, id, part, by(s.cli)); err != nil {
		return err
	}
	return say(s.cli, "retrying part %d of import %d", part, id)
}

func skipPart(ctx context.Context, s *session) error {
	id, part, err := partArgs(s.cli)
	if err != nil {
		return err
	}
	if err := requireFlag(s.cli, "reason", "a reason for the import's log"); err != nil {
		return err
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	if err := client.SkipPart(ctx, id, part, by(s.cli)); err != nil {
		return err
	}
	return say(s.cli, "skipping part %d of import %d", part, id)
}

func partArgs(c *cli.Context) (id int64, part int32, err error) {
	if c.NArg() != 2 {
		return 0, 0, fmt.Errorf("want two arguments, an import ID and a part number: see `%s --help`",
			c.Command.HelpName)
	}
	id, err = parseID(c.Args().Get(0))
	if err != nil {
		return 0, 0, err
	}
	no, err := strconv.ParseInt(c.Args().Get(1), 10, 32)
	if err != nil || no < 0 {
		return 0, 0, fmt.Errorf("invalid part number %q: want 0 or more (see `sluice import parts %d`)",
			c.Args().Get(1), id)
	}
	return id, int32(no), nil
}
