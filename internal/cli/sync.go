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
	command := func(name, usage string, action cli.ActionFunc, flags ...cli.Flag) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: "NAME", Flags: append(flags, outputFlag()), Action: action,
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
			Action: withArg(limited(maxListed), (*session).storedSyncs, listSyncs),
		},
		command("show", "show a sync with its state, freshness and current run",
			withArg(syncArg, (*session).storedSyncs, showSync)),
		syncSetCommand(),
		command("run", "run a sync now; a run that has stopped continues",
			withArg(runArgs, (*session).Syncs, runSync), byFlag(), findRejectedFlag()),
		command("pause", "pause a sync; its run is interrupted",
			withArg(syncArg, (*session).Syncs, pauseSync), byFlag(), reason),
		command("resume", "resume a paused sync, with a run now",
			withArg(syncArg, (*session).Syncs, resumeSync), byFlag()),
		syncRejectsCommand(),
		command("history", "list the runs of a sync, latest first", withSession(syncHistory),
			choiceFlag("status", "list only runs in this", syncstore.Statuses()),
			choiceFlag("kind", "list only runs of this", syncstore.RunKinds()),
			&cli.IntFlag{Name: "limit", Value: 20, Usage: "list at most `N` runs, 1 to 1000"}),
		command("delete", "delete a sync; what it has delivered stays",
			withArg(syncArg, (*session).Syncs, deleteSync)),
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

// answerSync says what a command to a sync has done, or returns its error.
func answerSync(
	ctx context.Context, s *session, client *syncclient.Syncs, name string, err error, done string, args ...any,
) error {
	switch {
	case err != nil:
		return explainSync(name, err)
	case asJSON(s.cli):
		return writeSyncJSON(ctx, s, client, name)
	default:
		return say(s.cli, done, append([]any{name}, args...)...)
	}
}

func pauseSync(ctx context.Context, s *session, name string, client *syncclient.Syncs) error {
	return answerSync(ctx, s, client, name, client.Pause(ctx, name, by(s.cli)),
		"paused sync %[1]s; no alarm is raised while it is paused; resume it with `sluice sync resume %[1]s`")
}

func resumeSync(ctx context.Context, s *session, name string, client *syncclient.Syncs) error {
	return answerSync(ctx, s, client, name, client.Resume(ctx, name, by(s.cli)), "resumed sync %[1]s; it runs now")
}

func deleteSync(ctx context.Context, s *session, name string, client *syncclient.Syncs) error {
	if err := client.Delete(ctx, name); err != nil {
		return explainSync(name, err)
	}
	return answer(s.cli, map[string]any{"name": name, "deleted": true},
		"deleted sync %s; what it has delivered stays", name)
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
