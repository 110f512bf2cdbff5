package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/syncwatch"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
	"github.com/sluicehq/sluice/sync/statefile"
	"github.com/sluicehq/sluice/worker"
)

// The variables that have the keys of a watch, and the names of its connections.
const (
	mailchimpVariable = "MAILCHIMP_APIKEY"
	ometriaVariable   = "OMETRIA_APIKEY"
)

func syncWatchCommand() *cli.Command {
	return &cli.Command{
		Name: "watch", Usage: "keep the lists of a state file in sync until stopped",
		Description: "The API keys are read from " + mailchimpVariable + " and " + ometriaVariable +
			"; no other process has them.\n" +
			"A list is due when its latest_timestamp is null (a full load) or older than --every (an update). The\n" +
			"file may be edited at any time. Ctrl-C and a file " + syncwatch.QuitFile + " beside it stop the watch gracefully.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "state-file", Usage: "watch the state `FILE`; required"},
			&cli.DurationFlag{
				Name: "every", Usage: "update a list whose timestamp is older than `DURATION`",
				DefaultText: configured("sync.every", config.Default().Sync.Every),
			},
			&cli.DurationFlag{
				Name: "interval", Usage: "look at the file every `DURATION`",
				DefaultText: configured("sync.interval", config.Default().Sync.Interval),
			},
			&cli.BoolFlag{Name: "once", Usage: "end when the lists that are due now are up to date"},
			&cli.StringSliceFlag{
				Name: "mailchimp", Usage: "setting `KEY=VALUE` of the connection to Mailchimp; may be repeated",
			},
			&cli.StringSliceFlag{
				Name: "ometria", Usage: "setting `KEY=VALUE` of the connection to Ometria; may be repeated",
			},
			outputFlag(),
		},
		Action: withSession(watchSync),
	}
}

func watchSync(ctx context.Context, s *session) error {
	c := s.cli
	if err := requireFlag(c, "state-file", "such as --state-file state/state.json"); err != nil {
		return err
	}
	every, interval := s.settings.Sync.Every, s.settings.Sync.Interval
	if c.IsSet("every") {
		every = c.Duration("every")
	}
	if c.IsSet("interval") {
		interval = c.Duration("interval")
	}
	keys := environmentConnections{}
	err := errors.Join(checkWatchTimes(every, interval),
		keys.add(s, "mailchimp", mailchimp.KindName, mailchimpVariable),
		keys.add(s, "ometria", ometria.KindName, ometriaVariable))
	if err != nil {
		return exitWith(exitUsage, err)
	}
	path := c.String("state-file")
	file, err := checkStateFile(path)
	if err != nil {
		return exitWith(exitUsage, err)
	}
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	stack, err := openStack(ctx, s, keys, fail, syncwatch.StackConfig{
		File: file, Every: every,
		From: syncwatch.Side{Kind: mailchimp.KindName, Connection: mailchimpVariable},
		To:   syncwatch.Side{Kind: ometria.KindName, Connection: ometriaVariable},
	})
	if errors.Is(err, syncwatch.ErrWatched) {
		return exitWith(exitRefused, fmt.Errorf("%s: another process watches this file: stop it first, with Ctrl-C or "+
			"`touch %s`", file, filepath.Join(filepath.Dir(path), syncwatch.QuitFile)))
	}
	if err != nil {
		return err
	}
	defer stack.Close(ctx)
	return syncwatch.New(syncwatch.Config{
		Path: path, Every: every, Interval: interval, Once: c.Bool("once"), Engine: stack,
		Report: func(l syncwatch.Line) {
			if err := writeLine(c, l); err != nil {
				fail(fmt.Errorf("write the log: %w", err))
			}
		},
	}).Run(ctx)
}

func checkWatchTimes(every, interval time.Duration) error {
	var faults []error
	if every < sync.MinEvery || every > sync.MaxEvery || every%time.Second != 0 {
		faults = append(faults, fmt.Errorf("--every %s: want whole seconds, %s to %s", every, sync.MinEvery, sync.MaxEvery))
	}
	if interval < syncwatch.MinInterval || interval > syncwatch.MaxInterval {
		faults = append(faults,
			fmt.Errorf("--interval %s: want %s to %s", interval, syncwatch.MinInterval, syncwatch.MaxInterval))
	}
	return errors.Join(faults...)
}

// checkStateFile returns the path that identifies a state file. The error says what is wrong with its content.
func checkStateFile(path string) (string, error) {
	_, err := statefile.New(path).Read(time.Now())
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf(`there is no state file %s: create it, such as [{"list_id": "1a2d7ebf82"}]`, path)
	}
	if err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(path)
	if err == nil {
		absolute, err = filepath.EvalSymlinks(absolute)
	}
	if err != nil {
		return "", fmt.Errorf("resolve the state file: %w", err)
	}
	return absolute, nil
}

// environmentConnections opens the connections whose keys are in the environment of this process. They are neither in
// the store nor in any history.
type environmentConnections map[string]connections.Connection

var _ connections.Opener = environmentConnections(nil)

// Open returns a connection.
func (e environmentConnections) Open(_ context.Context, name string) (connections.Connection, error) {
	c, ok := e[name]
	if !ok {
		return connections.Connection{}, connections.ErrNotFound
	}
	return c, nil
}

// add adds the connection whose key is in a variable and whose settings are in a flag.
func (e environmentConnections) add(s *session, flag, kindName, variable string) error {
	kind, err := s.known.Kinds.Lookup(kindName)
	if err != nil {
		return err
	}
	secret := kind.Secrets()[0]
	key, err := readSecret(s.cli, secretSource{name: secret.Name, from: fromVariable, where: variable})
	if err != nil || key == "" {
		return fmt.Errorf("%s is not set: want the %s", variable, secret.Description)
	}
	settings, err := parseSettings("--"+flag, nil, s.cli.StringSlice(flag), []string{secret.Name})
	if err != nil {
		return err
	}
	if settings, err = kind.ParseSettings(settings); err != nil {
		return fmt.Errorf("--%s: %w", flag, err)
	}
	c := connections.Connection{
		Name: variable, Kind: kindName, Settings: settings, Secrets: map[string]string{secret.Name: key},
	}
	e[variable] = c
	return checkKey(kind, c)
}

// checkKey returns an error if a connection cannot be opened, which needs no network.
func checkKey(kind connections.Kind, c connections.Connection) error {
	var err error
	switch k := kind.(type) {
	case syncacts.ReaderKind:
		_, err = k.OpenReader(c, sync.SourceOptions{}, nil)
	case syncacts.WriterKind:
		_, err = k.OpenWriter(c, sync.TargetOptions{}, nil)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	return nil
}

// openStack connects to the stack and begins to poll the task queue of the watch.
func openStack(
	ctx context.Context, s *session, keys connections.Opener, fatal func(error), cfg syncwatch.StackConfig,
) (*syncwatch.Stack, error) {
	// The log of this command are its lines: of those of the SDK it needs what is wrong.
	settings := s.settings.Log
	if settings.Level == slog.LevelInfo {
		settings.Level = slog.LevelWarn
	}
	s.logger, s.maxConns = wiring.Logger(settings, s.cli.App.ErrWriter), s.settings.Store.MaxConns
	client, err := s.Syncs(ctx)
	if err != nil {
		return nil, err
	}
	cfg.Syncs = client
	cfg.NewWorker = func(queue string) (*worker.SyncWatch, error) {
		return worker.NewSyncWatch(worker.SyncWatchConfig{
			Temporal: client.Temporal, Store: client.Store, Kinds: s.known.Kinds, Connections: keys, Queue: queue,
			StopTimeout: s.settings.Worker.StopTimeout, Logger: s.logger,
			Fatal: func(err error) { fatal(fmt.Errorf("temporal refuses this worker: %w", err)) },
		})
	}
	return syncwatch.NewStack(ctx, cfg)
}

// writeLine writes a line of the log: for people, or as a JSON object.
func writeLine(c *cli.Context, l syncwatch.Line) error {
	if !asJSON(c) {
		return say(c, "%s", l)
	}
	encoded, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("encode a line: %w", err)
	}
	return say(c, "%s", encoded)
}
