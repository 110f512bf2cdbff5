package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers/sourcefile"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
)

// configured is the default of a flag that overrides a setting.
func configured(setting string, value any) string {
	return fmt.Sprintf("%v, unless %s is set", value, setting)
}

func startCommand(sources string) *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "start an import", ArgsUsage: "SOURCE [PATH...]",
		Description: "SOURCE is the kind of import: " + sources + ".\n" +
			"PATHs are files or folders that the worker can read, and stand for its argument \"paths\".",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "wait", Usage: "show its progress, and wait until it has ended or is parked"},
			&cli.BoolFlag{Name: "listen", Usage: "print its events, one per line, until it has ended or is parked"},
			timeoutFlag(),
			&cli.DurationFlag{
				Name: "check-timeout", Usage: "wait at most `DURATION` until a worker has checked the source",
				Value: checkTimeout,
			},
			&cli.BoolFlag{Name: "dry-run", Usage: "tell what it would do, and do nothing of it"},
			&cli.StringFlag{
				Name: "idempotency-key", Usage: "return the import of the first start under `KEY`, if there was one",
			},
		}, importFlags()...),
		Action: withSession(startImport),
	}
}

// importFlags say what an import is like, whether it starts now or on a schedule.
func importFlags() []cli.Flag {
	defaults := config.Default().Import
	return []cli.Flag{
		&cli.StringFlag{Name: "site", Usage: "the `DOMAIN` that the data belong to; required"},
		&cli.StringFlag{Name: "label", Usage: "call it `TEXT`", DefaultText: "what the kind of import is called"},
		&cli.StringFlag{Name: "args", Usage: "further arguments as a `JSON` object, or @FILE, or - for standard input"},
		&cli.IntFlag{
			Name: "parallelism", Usage: "load `N` parts at once",
			DefaultText: configured("import.parallelism", defaults.Parallelism),
		},
		&cli.Int64Flag{
			Name: "max-rejects", Usage: "put up with `N` bad rows a part",
			DefaultText: configured("import.max_rejects", defaults.MaxRejects),
		},
		&cli.Float64Flag{
			Name: "max-reject-share", Usage: "or with this `SHARE` of its rows, 0 to 1, if that is more",
			DefaultText: configured("import.max_reject_share", defaults.MaxRejectShare),
		},
		&cli.StringFlag{
			Name: "on-part-failure", Usage: "`ACTION` when a part's retries are exhausted: park it, or fail the import",
			DefaultText: configured("import.on_part_failure", defaults.OnPartFailure),
		},
		&cli.BoolFlag{
			Name: "review", Usage: "let its rows wait for a decision; --review=false does not",
			DefaultText: "what the kind of import says",
		},
		&cli.Int64Flag{Name: "rate", Usage: "load at most `N` rows a second", DefaultText: "as fast as it goes"},
		&cli.StringSliceFlag{Name: "notify", Usage: "tell `ADDRESS` by e-mail how it went; may be repeated"},
		byFlag(),
		outputFlag(),
	}
}

func startImport(ctx context.Context, s *session) error {
	c := s.cli
	request, err := importRequest(s, c.Args().Slice())
	if err != nil {
		return err
	}
	settings := importSettings(c, s.settings)
	if err := settings.Validate(); err != nil {
		return err
	}
	request.IdempotencyKey, request.Settings = c.String("idempotency-key"), &settings.Import
	if err := checkWaits(c); err != nil {
		return err
	}
	if c.Bool("dry-run") {
		return dryRun(ctx, s, request)
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	if c.Bool("listen") {
		return startAndListen(ctx, s, client, request)
	}
	imp, err := client.CreateImport(ctx, request)
	if err != nil {
		return err
	}
	// A new import has no workflow yet.
	repeated := imp.RunID != ""
	if imp, err = client.Launch(ctx, imp, request.Site); err != nil {
		return err
	}
	if c.Bool("wait") {
		return follow(ctx, s, imp.ID)
	}
	if imp, err = client.AwaitCheck(ctx, imp, c.Duration("check-timeout")); err != nil {
		return err
	}
	if asJSON(c) {
		return printImport(ctx, s, imp.ID)
	}
	if repeated {
		return say(c, "import %d was started before under this key: it is %s", imp.ID, imp.Status)
	}
	if imp.CheckedAt == nil && !store.Ended(imp.Status) {
		return say(c, "import %d is queued: source not checked yet; follow it with `sluice import logs %d -f`",
			imp.ID, imp.ID)
	}
	return say(c, "started import %d: follow it with `sluice import logs %d -f`", imp.ID, imp.ID)
}

// checkTimeout is how long a start waits for the check of the source, by default.
const checkTimeout = 15 * time.Second

func timeoutFlag() cli.Flag {
	return &cli.DurationFlag{
		Name: "timeout", Usage: "stop --wait or --listen after `DURATION`; the import continues", DefaultText: "no timeout",
	}
}

// checkWaits refuses flags about waiting that do not go together.
func checkWaits(c *cli.Context) error {
	switch {
	case c.Bool("wait") && c.Bool("listen"):
		return errors.New("--wait and --listen are both there: want one of them")
	case c.Bool("dry-run") && (c.Bool("wait") || c.Bool("listen")):
		return errors.New("a dry run starts nothing that could be waited for: leave out --wait, --listen or --dry-run")
	case c.IsSet("timeout") && !c.Bool("wait") && !c.Bool("listen"):
		return errors.New("--timeout is about --wait and --listen: want one of them")
	case c.Duration("timeout") < 0 || c.IsSet("timeout") && c.Duration("timeout") == 0:
		return fmt.Errorf("--timeout %s: want more than 0, such as 15s", c.Duration("timeout"))
	case c.Duration("check-timeout") < 0:
		return fmt.Errorf("--check-timeout %s: want 0, for no wait, or more", c.Duration("check-timeout"))
	default:
		return nil
	}
}

// startAndListen starts an import and prints its events. It listens before it starts, so
// that no event is missed.
func startAndListen(ctx context.Context, s *session, client *starter.Starter, request starter.Request) (err error) {
	ctx, cancel := withTimeout(ctx, s)
	defer cancel()
	listener, err := s.Listen(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, listener.Close(context.WithoutCancel(ctx))) }()
	imp, err := client.StartImport(ctx, request)
	if err != nil {
		return err
	}
	return listenUntilEnd(ctx, s, listener, imp.ID)
}

// importRequest is what the arguments, SOURCE [PATH...], and importFlags ask for, but for
// the settings.
func importRequest(s *session, args []string) (starter.Request, error) {
	c := s.cli
	if len(args) == 0 {
		line := strings.TrimSuffix(c.Command.HelpName+" "+c.Command.ArgsUsage, " [PATH...]")
		return starter.Request{}, fmt.Errorf("say what to import: `%s`, where SOURCE is %s",
			line, strings.Join(s.known.Importers.Names(), ", "))
	}
	if _, err := s.known.Importers.Lookup(args[0]); err != nil {
		return starter.Request{}, err
	}
	if err := requireFlag(c, "site", "say which site the data belong to, as `sluice site list` shows it"); err != nil {
		return starter.Request{}, err
	}
	encoded, err := importArgs(c, args[1:])
	if err != nil {
		return starter.Request{}, err
	}
	request := starter.Request{
		Site: c.String("site"), Source: args[0], Label: c.String("label"), Args: encoded,
		By: whoami(c), Notify: c.StringSlice("notify"), RowsPerSecond: c.Int64("rate"),
	}
	if c.IsSet("review") {
		review := c.Bool("review")
		request.Review = &review
	}
	return request, nil
}

// importSettings applies the flags to the defaults of imports.
func importSettings(c *cli.Context, settings config.Config) config.Config {
	if c.IsSet("parallelism") {
		settings.Import.Parallelism = c.Int("parallelism")
	}
	if c.IsSet("max-rejects") {
		settings.Import.MaxRejects = c.Int64("max-rejects")
	}
	if c.IsSet("max-reject-share") {
		settings.Import.MaxRejectShare = c.Float64("max-reject-share")
	}
	if c.IsSet("on-part-failure") {
		settings.Import.OnPartFailure = c.String("on-part-failure")
	}
	return settings
}

// importArgs puts the importer's arguments together: the JSON object, and the paths,
// made absolute because the worker has another working directory.
func importArgs(c *cli.Context, paths []string) (json.RawMessage, error) {
	args := map[string]json.RawMessage{}
	if text := c.String("args"); text != "" {
		data, err := readArgs(c, text)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &args); err != nil || args == nil {
			return nil, errors.New("--args is not a JSON object: want something like '{\"name\": \"value\"}'")
		}
	}
	if len(paths) > 0 {
		if _, twice := args["paths"]; twice {
			return nil, errors.New("paths are given both in --args and as arguments: use one")
		}
		for i, path := range paths {
			if path == "" {
				return nil, fmt.Errorf("path %d is empty: want a file or a folder (an unset variable of the shell?)", i+1)
			}
			absolute, err := filepath.Abs(path)
			if err != nil {
				return nil, fmt.Errorf("path %s: %w", path, err)
			}
			paths[i] = absolute
		}
		encoded, err := json.Marshal(paths)
		if err != nil {
			return nil, fmt.Errorf("encode paths: %w", err)
		}
		args["paths"] = encoded
	}
	return json.Marshal(args)
}

func readArgs(c *cli.Context, text string) ([]byte, error) { return readText(c, "args", text) }

// readText reads what a flag names: a regular file behind @, standard input for -, or the text
// itself; at most maxInput bytes.
func readText(c *cli.Context, flag, text string) (data []byte, err error) {
	switch path, isFile := strings.CutPrefix(text, "@"); {
	case isFile:
		data, err = readBounded(func() (io.ReadCloser, error) { return sourcefile.Open(c.Context, path) })
	case text == "-":
		data, err = readBounded(func() (io.ReadCloser, error) { return io.NopCloser(c.App.Reader), nil })
	default:
		data = []byte(text)
	}
	if err != nil {
		return nil, fmt.Errorf("--%s: %w", flag, err)
	}
	return data, nil
}
