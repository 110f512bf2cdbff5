package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/terminal"
)

func keysetCommand() *cli.Command {
	return group("keyset", "manage the keys that encrypt the secrets of connections",
		&cli.Command{
			Name: "create", Usage: "make a key set",
			Description: "Whoever has the key set can open every secret, and without it none can be opened:\n" +
				"keep a copy in a safe place.",
			Flags: []cli.Flag{
				&cli.StringFlag{
					Name: "out", Usage: "write it to `FILE`, which must not exist", DefaultText: "standard output",
				},
			},
			Action: withSession(createKeyset),
		},
		&cli.Command{
			Name: "rotate", Usage: "add a new primary key, and keep the others for what they have encrypted",
			Flags:  []cli.Flag{keysetFileFlag(), outputFlag()},
			Action: withSession(rotateKeyset),
		},
		&cli.Command{
			Name: "adopt", Usage: "register a new key set with the store after the old one was lost",
			Description: "The store remembers the key set that encrypts its connections, and refuses another one.\n" +
				"This replaces it. Connections that another key set has encrypted cannot be opened any more: add them anew with\n" +
				"`sluice connection add --replace`, or bring that key set back and adopt it again.",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(adoptKeyset),
		},
		&cli.Command{
			Name: "list", Usage: "list the keys by their IDs", Flags: []cli.Flag{keysetFileFlag(), outputFlag()},
			Action: withSession(listKeyset),
		},
	)
}

func keysetFileFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "file", Usage: "the key set is in `FILE`", DefaultText: "connections.keyset_file, else that of sluice-dev up",
	}
}

func createKeyset(_ context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	path := c.String("out")
	begin(c)
	if path == "" {
		k, err := connections.NewKeyset()
		if err != nil {
			return err
		}
		text, err := k.JSON()
		if err != nil {
			return err
		}
		_, err = c.App.Writer.Write(text)
		return err
	}
	_, err := connections.CreateKeysetFile(path)
	if errors.Is(err, fs.ErrExist) {
		return exitWith(exitRefused, fmt.Errorf("%w: `sluice keyset rotate --file %s` adds a key to it", err, path))
	}
	if err != nil {
		return err
	}
	return say(c, "created a key set in %s: name it in SLUICE_CONNECTIONS_KEYSET_FILE for commands and the worker, "+
		"and keep a copy of it in a safe place", path)
}

func rotateKeyset(_ context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	path := c.String("file")
	if path == "" {
		if s.settings.Connections.Keyset != "" {
			return errors.New("connections.keyset is set, and cannot be rotated in place: " +
				"write it to a file, rotate that with --file, then set it anew")
		}
		path = s.settings.Connections.File()
	}
	begin(c)
	k, err := connections.RotateKeysetFile(path)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, k.Keys())
	}
	id, err := k.Primary()
	if err != nil {
		return err
	}
	return say(c, "key %d is the primary one of %s: "+
		"`sluice connection rotate --all` encrypts with it what the others have encrypted", id, path)
}

func listKeyset(_ context.Context, s *session) error {
	c := s.cli
	if err := noArgs(c); err != nil {
		return err
	}
	from := s.settings.Connections.Vault()
	if path := c.String("file"); path != "" {
		from = connections.VaultConfig{KeysetFile: path}
	}
	begin(c)
	k, err := connections.NewVault(from).Keyset()
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, k.Keys())
	}
	table := terminal.NewTable("KEY", "IS")
	for _, key := range k.Keys() {
		is := terminal.Coloured{Text: "old"}
		switch {
		case key.Primary:
			is = terminal.Coloured{Text: "primary", Colour: terminal.Green}
		case !key.Enabled:
			is = terminal.Coloured{Text: "disabled", Colour: terminal.Yellow}
		}
		table.Row(terminal.Ordinal(key.ID), is)
	}
	return table.Write(c.App.Writer)
}

func adoptKeyset(ctx context.Context, s *session) error {
	if err := noArgs(s.cli); err != nil {
		return err
	}
	service, err := s.Connections(ctx)
	if err != nil {
		return err
	}
	closed, err := service.AdoptKeyset(ctx)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, map[string][]string{"cannot_be_opened": closed})
	}
	if len(closed) == 0 {
		return say(s.cli, "the key set is the store's: it opens all connections")
	}
	return say(s.cli, "the key set is the store's: it cannot open %s; "+
		"`sluice connection add --replace` encrypts them anew", strings.Join(closed, ", "))
}
