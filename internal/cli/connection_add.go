package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
)

func connectionAddCommand() *cli.Command {
	return &cli.Command{
		Name: "add", Usage: "add or replace a connection", ArgsUsage: "NAME",
		Description: "Secrets are not accepted on the command line, where other users and the shell's history " +
			"can see them.\n" +
			"Use --secret token=env:TOKEN, --secret token=file:PATH or --secret token=- (standard input).\n" +
			"A final line end of a file or of standard input is not part of the secret.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "kind", Usage: "`KIND` of the connection; required"},
			&cli.StringSliceFlag{Name: "set", Usage: "setting `KEY=TEXT`, or KEY:=JSON; may be repeated"},
			&cli.StringFlag{Name: "settings", Usage: "settings as a `JSON` object, @FILE, or - for standard input"},
			&cli.StringSliceFlag{
				Name: "secret", Usage: "secret `NAME=env:VARIABLE`, NAME=file:PATH or NAME=-; may be repeated",
			},
			&cli.BoolFlag{Name: "replace", Usage: "replace all settings and secrets of an existing connection"},
			outputFlag(),
		},
		Action: withSession(addConnection),
	}
}

func addConnection(ctx context.Context, s *session) error {
	c := s.cli
	n, err := newConnection(s)
	if err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	var info connections.Info
	done := "added"
	if c.Bool("replace") {
		var replaced bool
		if info, replaced, err = service.Put(ctx, n); replaced {
			done = "replaced"
		}
	} else {
		info, err = service.Add(ctx, n)
	}
	if err != nil {
		return explainConnection(err)
	}
	return answer(c, info,
		"%s connection %s (%s); test it with `sluice connection test %s`", done, info.Name, info.Kind, info.Name)
}

// newConnection builds the connection of the flags and reads its secrets.
func newConnection(s *session) (connections.New, error) {
	c := s.cli
	name, err := connectionArg(c)
	if err != nil {
		return connections.New{}, err
	}
	if err := requireFlag(c, "kind", "one of "+kindNames(s)); err != nil {
		return connections.New{}, err
	}
	kind, err := s.known.Kinds.Lookup(c.String("kind"))
	if err != nil {
		return connections.New{}, err
	}
	var secretNames []string
	for _, spec := range kind.Secrets() {
		secretNames = append(secretNames, spec.Name)
	}
	sources, err := parseSecrets(c.StringSlice("secret"), secretNames)
	if err != nil {
		return connections.New{}, err
	}
	text, err := readSettingsFlag(c, sources)
	if err != nil {
		return connections.New{}, err
	}
	settings, err := parseSettings("--set", text, c.StringSlice("set"), secretNames)
	if err != nil {
		return connections.New{}, err
	}
	secrets, err := readSecrets(c, sources)
	if err != nil {
		return connections.New{}, err
	}
	return connections.New{Name: name, Kind: kind.Name(), Settings: settings, Secrets: secrets}, nil
}

func kindNames(s *session) string {
	names := s.known.Kinds.Names()
	if len(names) == 0 {
		return "none: no kind is registered"
	}
	return strings.Join(names, ", ")
}

// readSettingsFlag returns the JSON of --settings.
func readSettingsFlag(c *cli.Context, secrets []secretSource) (json.RawMessage, error) {
	text := c.String("settings")
	if text == "-" {
		for _, s := range secrets {
			if s.from == fromInput {
				return nil, fmt.Errorf("--settings and --secret %s both read standard input: use a file for one of them", s.name)
			}
		}
	}
	return readText(c, "settings", text)
}

// maxInput bounds the value of a flag, in bytes.
const maxInput = 4 << 20

var errTooLarge = fmt.Errorf("larger than %d bytes", maxInput)

// readBounded reads a small file to its end.
func readBounded(open func() (io.ReadCloser, error)) (data []byte, err error) {
	f, err := open()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	data, err = io.ReadAll(io.LimitReader(f, maxInput+1))
	if err == nil && len(data) > maxInput {
		return nil, errTooLarge
	}
	return data, err
}
