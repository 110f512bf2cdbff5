package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/sourcefile"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// configured describes the default of a flag that overrides a setting.
func configured(setting string, value any) string {
	return fmt.Sprintf("%s, else %v", setting, value)
}

func startCommand(registry *importers.Registry) *cli.Command {
	start := &cli.Command{
		Name: "start", Usage: "start an import", ArgsUsage: "SOURCE [PATH...]",
		Description: "SOURCE is an importer. `sluice help import start SOURCE` lists its arguments.\n" +
			"PATHs are files or folders on the worker's machine; they set the argument \"paths\", if it has one.",
		Flags: startFlags(), Action: withSession(func(ctx context.Context, s *session) error {
			return startImport(ctx, s, s.cli.Args().Slice())
		}),
	}
	for _, importer := range registry.All() {
		start.Subcommands = append(start.Subcommands, startSourceCommand(importer))
	}
	return start
}

// startSourceCommand returns the command that starts an import by one importer. Its help documents
// the importer's arguments.
func startSourceCommand(importer importers.Importer) *cli.Command {
	usage := "[PATH...]"
	if !takesPaths(importer) {
		usage = ""
	}
	return &cli.Command{
		Name: importer.Name(), Usage: "start an import: " + importer.Label(), ArgsUsage: usage,
		Description: describeArguments(importer),
		Flags:       startFlags(), Action: withSession(func(ctx context.Context, s *session) error {
			return startImport(ctx, s, append([]string{importer.Name()}, s.cli.Args().Slice()...))
		}),
	}
}

// pathsArg is the importer's argument that the PATHs of the command line set.
const pathsArg = "paths"

// takesPaths reports whether an importer has the argument that PATHs set. One that does not document its arguments may
// have it: its ParseArgs decides.
func takesPaths(importer importers.Importer) bool {
	described, ok := importer.(importers.Describer)
	return !ok || slices.ContainsFunc(described.Arguments(), func(a importers.Argument) bool { return a.Name == pathsArg })
}

// describeArguments lists an importer's arguments: name, type, default and meaning.
func describeArguments(importer importers.Importer) string {
	described, ok := importer.(importers.Describer)
	if !ok {
		return "Arguments are set by --args."
	}
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	for _, a := range described.Arguments() {
		fallback := cmp.Or(a.Default, "-")
		if a.Required {
			fallback = "required"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", a.Name, a.Type, fallback, a.Usage) //nolint:errcheck // into memory
	}
	table.Flush() //nolint:errcheck // into memory
	return "Arguments, set by --args '{\"NAME\": VALUE}', with type, default and meaning:\n\n" +
		strings.TrimSpace(text.String())
}

// startFlags are the flags of an import that starts now.
func startFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: "wait", Usage: "show progress until the import has ended or is parked"},
		&cli.BoolFlag{Name: "listen", Usage: "print events, one per line, until the import has ended or is parked"},
		timeoutFlag(),
		&cli.DurationFlag{
			Name: "check-timeout", Usage: "wait at most `DURATION` for a worker to check the source",
			Value: checkTimeout,
		},
		&cli.BoolFlag{Name: "dry-run", Usage: "show what the import would do, and load nothing"},
		&cli.StringFlag{
			Name: "idempotency-key", Usage: "return the existing import if one was started under `KEY`",
		},
	}, importFlags()...)
}

// importFlags are the flags of an import that starts now or on a schedule.
func importFlags() []cli.Flag {
	defaults := config.Default().Import
	return []cli.Flag{
		&cli.StringFlag{Name: "site", Usage: "import for the site `DOMAIN`; required"},
		&cli.StringFlag{Name: "label", Usage: "label the import with `TEXT`", DefaultText: "the importer's label"},
		&cli.StringFlag{Name: "args", Usage: "importer arguments as a `JSON` object, @FILE, or - for standard input"},
		&cli.IntFlag{
			Name: "parallelism", Usage: "load `N` parts in parallel",
			DefaultText: configured("import.parallelism", defaults.Parallelism),
		},
		&cli.Int64Flag{
			Name: "max-rejects", Usage: "tolerate up to `N` rejected rows per part",
			DefaultText: configured("import.max_rejects", defaults.MaxRejects),
		},
		&cli.Float64Flag{
			Name: "max-reject-share", Usage: "tolerate up to this `SHARE` of rejected rows per part, 0 to 1, if that is more",
			DefaultText: configured("import.max_reject_share", defaults.MaxRejectShare),
		},
		&cli.StringFlag{
			Name: "on-part-failure", Usage: "park or fail: `ACTION` when the retries of a part are exhausted",
			DefaultText: configured("import.on_part_failure", defaults.OnPartFailure),
		},
		&cli.BoolFlag{
			Name: "review", Usage: "require a review before rows become visible; --review=false requires none",
			DefaultText: "the importer's choice",
		},
		&cli.Int64Flag{Name: "rate", Usage: "load at most `N` rows per second", DefaultText: "no limit"},
		&cli.StringSliceFlag{Name: "notify", Usage: "send e-mail notifications to `ADDRESS`; may be repeated"},
		byFlag(),
		outputFlag(),
	}
}

// startImport starts the import of the arguments, SOURCE [PATH...].
func startImport(ctx context.Context, s *session, args []string) error {
	c := s.cli
	request, err := importRequest(ctx, s, args)
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
		return say(c, "import %d already exists under this idempotency key: it is %s", imp.ID, imp.Status)
	}
	if imp.CheckedAt == nil && !importstore.Ended(imp.Status) {
		workers, err := s.liveWorkers(ctx)
		if err != nil {
			return err
		}
		if missing := importview.NoImporter(workers, imp); missing != "" {
			return say(c, "import %d is queued: %s; it starts when such a worker does", imp.ID, missing)
		}
		return say(c, "import %d is queued, its source not yet checked; follow it with `sluice import logs %d -f`",
			imp.ID, imp.ID)
	}
	return say(c, "started import %d; follow it with `sluice import logs %d -f`", imp.ID, imp.ID)
}

// checkTimeout is the default of --check-timeout.
const checkTimeout = 15 * time.Second

func timeoutFlag() cli.Flag {
	return &cli.DurationFlag{
		Name: "timeout", Usage: "stop --wait or --listen after `DURATION`; the import continues", DefaultText: "no timeout",
	}
}

// checkWaits rejects conflicting flags about waiting.
func checkWaits(c *cli.Context) error {
	switch {
	case c.Bool("wait") && c.Bool("listen"):
		return errors.New("--wait and --listen exclude each other")
	case c.Bool("dry-run") && (c.Bool("wait") || c.Bool("listen")):
		return errors.New("--dry-run starts no import to wait for: remove --dry-run, or --wait and --listen")
	case c.IsSet("timeout") && !c.Bool("wait") && !c.Bool("listen"):
		return errors.New("--timeout requires --wait or --listen")
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
		return orTimeout(ctx, err, "no import was started")
	}
	defer func() { err = errors.Join(err, listener.Close(context.WithoutCancel(ctx))) }()
	imp, err := client.StartImport(ctx, request)
	if err != nil {
		return orTimeout(ctx, err, "if `sluice import list` shows the import, it continues")
	}
	return listenUntilEnd(ctx, s, listener, imp.ID)
}

// importRequest builds the request from the arguments, SOURCE [PATH...], and importFlags, without
// the settings.
func importRequest(ctx context.Context, s *session, args []string) (starter.Request, error) {
	c := s.cli
	if len(args) == 0 {
		line := strings.TrimSuffix(c.Command.HelpName+" "+c.Command.ArgsUsage, " [PATH...]")
		return starter.Request{}, fmt.Errorf("source is missing: want `%s`, where SOURCE is one of %s",
			line, strings.Join(s.known.Importers.Names(), ", "))
	}
	if err := s.requireImporter(ctx, args[0]); err != nil {
		return starter.Request{}, err
	}
	importer, err := s.known.Importers.Lookup(args[0])
	if err != nil {
		return starter.Request{}, err
	}
	if len(args) > 1 && !takesPaths(importer) {
		return starter.Request{}, surplus(c, args[1], " after "+args[0])
	}
	if err := requireFlag(c, "site", "the domain of a site (see `sluice site list`)"); err != nil {
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
		request.Review = new(c.Bool("review"))
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

// importArgs combines the importer's arguments: the JSON object, and the paths, made absolute
// because the worker has another working directory.
func importArgs(c *cli.Context, paths []string) (json.RawMessage, error) {
	args := map[string]json.RawMessage{}
	if text := c.String("args"); text != "" {
		data, err := readArgs(c, text)
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(data, &args); err != nil || args == nil {
			return nil, errors.New("--args is not a JSON object: want an object such as '{\"name\": \"value\"}'")
		}
	}
	if len(paths) > 0 {
		if _, twice := args[pathsArg]; twice {
			return nil, errors.New("paths are given both in --args and as arguments: use one")
		}
		for i, path := range paths {
			if path == "" {
				return nil, fmt.Errorf("path %d is empty: want a file or a folder (an unset shell variable?)", i+1)
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
		args[pathsArg] = encoded
	}
	return json.Marshal(args)
}

func readArgs(c *cli.Context, text string) ([]byte, error) { return readText(c, "args", text) }

// readText returns the value of a flag: the content of a regular file for @FILE, of standard input
// for -, or the text itself. At most maxInput bytes.
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
