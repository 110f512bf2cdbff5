package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/starter"
)

func startCommand() *cli.Command {
	return &cli.Command{
		Name: "start", Usage: "start an import", ArgsUsage: "SOURCE [PATH...]", OnUsageError: usageError,
		Description: "SOURCE is the kind of import: " + strings.Join(Importers().Names(), ", ") + ".\n" +
			"PATHs are files or folders that the worker can read, and stand for its argument \"paths\".",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "site", Usage: "the `DOMAIN` that the data belong to", Required: true},
			&cli.BoolFlag{Name: "wait", Usage: "show its progress, and wait until it is over"},
			&cli.StringFlag{Name: "label", Usage: "call it `TEXT`"},
			&cli.StringFlag{Name: "args", Usage: "further arguments as a `JSON` object, or @FILE, or - for standard input"},
			&cli.StringFlag{Name: "idempotency-key", Usage: "return the import of the first start under `KEY`, if there was one"},
			&cli.IntFlag{Name: "parallelism", Usage: "load `N` parts at once"},
			&cli.Int64Flag{Name: "max-rejects", Usage: "put up with `N` bad rows a part"},
			&cli.Float64Flag{Name: "max-reject-share", Usage: "put up with this `SHARE` of bad rows in a part, 0 to 1"},
			&cli.StringFlag{Name: "on-part-failure", Usage: "`park` or fail the import when a part's retries are exhausted"},
			outputFlag(),
		},
		Action: withSession(startImport),
	}
}

func startImport(ctx context.Context, s *session) error {
	c := s.cli
	if c.NArg() == 0 {
		return fmt.Errorf("say what to import: `sluice import start SOURCE`, where SOURCE is %s", strings.Join(Importers().Names(), ", "))
	}
	if _, err := Importers().Lookup(c.Args().First()); err != nil {
		return err
	}
	args, err := importArgs(c)
	if err != nil {
		return err
	}
	settings := importSettings(c, s.settings)
	if err := settings.Validate(); err != nil {
		return err
	}
	client, err := s.Starter(ctx)
	if err != nil {
		return err
	}
	imp, err := client.StartImport(ctx, starter.Request{
		Site: c.String("site"), Source: c.Args().First(), Label: c.String("label"), Args: args,
		IdempotencyKey: c.String("idempotency-key"), Settings: &settings.Import,
	})
	if err != nil {
		return err
	}
	if c.Bool("wait") {
		return follow(ctx, s, imp.ID)
	}
	if asJSON(c) {
		return printImport(ctx, s, imp.ID)
	}
	_, err = fmt.Fprintf(c.App.Writer, "started import %d: follow it with `sluice import logs %d -f`\n", imp.ID, imp.ID)
	return err
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
func importArgs(c *cli.Context) (json.RawMessage, error) {
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
	if paths := c.Args().Tail(); len(paths) > 0 {
		if _, twice := args["paths"]; twice {
			return nil, errors.New("paths are given both in --args and as arguments: use one")
		}
		for i, path := range paths {
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

func readArgs(c *cli.Context, text string) ([]byte, error) {
	var data []byte
	var err error
	switch path, isFile := strings.CutPrefix(text, "@"); {
	case isFile:
		data, err = os.ReadFile(path)
	case text == "-":
		data, err = io.ReadAll(c.App.Reader)
	default:
		data = []byte(text)
	}
	if err != nil {
		return nil, fmt.Errorf("--args: %w", err)
	}
	return data, nil
}
