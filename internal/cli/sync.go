package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	syncclient "github.com/sluicehq/sluice/starter/syncing"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

func syncCommand() *cli.Command {
	named := func(name, usage string, action func(context.Context, *session) error, flags ...cli.Flag) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: "NAME", Flags: append(flags, outputFlag()), Action: withSession(action),
		}
	}
	reason := &cli.StringFlag{Name: "reason", Usage: "record the reason `TEXT` as the sync's note"}
	return group("sync", "keep lists in one system equal to those in another",
		syncCreateCommand(),
		&cli.Command{
			Name: "list", Usage: "list syncs with their freshness and last runs",
			Flags: []cli.Flag{
				textFlag("syncs", "name, list or connections"), stateFlag("syncs", syncclient.States()),
				&cli.IntFlag{Name: "limit", Value: 100, Usage: "list at most `N` syncs, 1 to 1000"}, outputFlag(),
			},
			Action: withSession(listSyncs),
		},
		named("show", "show a sync with its state, freshness and current run", showSync),
		syncSetCommand(),
		named("run", "run a sync now; a run that has stopped continues", runSync, byFlag(), findRejectedFlag()),
		named("pause", "pause a sync; its run is interrupted", pauseSync, byFlag(), reason),
		named("resume", "resume a paused sync, with a run now", resumeSync, byFlag()),
		syncRejectsCommand(),
		named("history", "list the runs of a sync, latest first", syncHistory,
			&cli.IntFlag{Name: "limit", Value: 20, Usage: "list at most `N` runs, 1 to 1000"}),
		named("delete", "delete a sync; what it has delivered stays", deleteSync),
		syncWatchCommand(),
	)
}

// Syncs returns the client for syncs, once Temporal answers.
func (s *session) Syncs(ctx context.Context) (*syncclient.Syncs, error) {
	client, err := s.Starter(ctx)
	if err != nil {
		return nil, err
	}
	return &syncclient.Syncs{
		Temporal: client.Temporal, Store: syncstore.New(client.Store.Store), Kinds: s.known.Kinds,
	}, nil
}

// storedSyncs returns a client that reads syncs. It does not connect to Temporal.
func (s *session) storedSyncs(ctx context.Context) (*syncclient.Syncs, error) {
	opened, err := s.Store(ctx)
	if err != nil {
		return nil, err
	}
	return &syncclient.Syncs{Store: syncstore.New(opened.Store)}, nil
}

// writeSyncJSON writes a sync as JSON.
func writeSyncJSON(ctx context.Context, s *session, client *syncclient.Syncs, name string) error {
	view, err := client.Show(ctx, name)
	if err != nil {
		return explainSync(name, err)
	}
	return writeJSON(s.cli, view.Sync())
}

// syncArg returns the name of the sync that a command is for.
func syncArg(c *cli.Context) (string, error) { return oneArg(c, "a sync's name") }

// explainSync says what to do about a sync that does not exist.
func explainSync(name string, err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return exitWith(exitRefused, fmt.Errorf("no sync %s: `sluice sync list` lists all", name))
	}
	return err
}

// commandSync sends a command to a sync and says what is done.
func commandSync(
	ctx context.Context, s *session, send func(*syncclient.Syncs, string) error, done string, args ...any,
) error {
	name, err := syncArg(s.cli)
	if err != nil {
		return err
	}
	client, err := s.Syncs(ctx)
	if err != nil {
		return err
	}
	if err := send(client, name); err != nil {
		return explainSync(name, err)
	}
	if asJSON(s.cli) {
		return writeSyncJSON(ctx, s, client, name)
	}
	return say(s.cli, done, append([]any{name}, args...)...)
}

func runSync(ctx context.Context, s *session) error {
	if s.cli.IsSet(findRejectedName) {
		return findRejected(ctx, s)
	}
	send := func(client *syncclient.Syncs, name string) error { return client.Run(ctx, name, by(s.cli)) }
	return commandSync(ctx, s, send,
		"sync %[1]s runs now; follow it with `sluice sync show %[1]s`")
}

func pauseSync(ctx context.Context, s *session) error {
	send := func(client *syncclient.Syncs, name string) error { return client.Pause(ctx, name, by(s.cli)) }
	return commandSync(ctx, s, send,
		"paused sync %[1]s; no alarm is raised while it is paused; resume it with `sluice sync resume %[1]s`")
}

func resumeSync(ctx context.Context, s *session) error {
	send := func(client *syncclient.Syncs, name string) error { return client.Resume(ctx, name, by(s.cli)) }
	return commandSync(ctx, s, send,
		"resumed sync %[1]s; it runs now")
}

func deleteSync(ctx context.Context, s *session) error {
	name, err := syncArg(s.cli)
	if err != nil {
		return err
	}
	client, err := s.Syncs(ctx)
	if err != nil {
		return err
	}
	if err := client.Delete(ctx, name); err != nil {
		return explainSync(name, err)
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, map[string]any{"name": name, "deleted": true})
	}
	return say(s.cli, "deleted sync %s; what it has delivered stays", name)
}

// parseIDs parses the IDs of rows.
func parseIDs(flag string, texts []string) ([]int64, error) {
	ids := make([]int64, 0, len(texts))
	for _, text := range texts {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id <= 0 {
			return nil, exitWith(exitUsage, fmt.Errorf("--%s %q: want a number, as `sluice sync rejects` lists it", flag, text))
		}
		ids = append(ids, id)
	}
	return ids, nil
}
