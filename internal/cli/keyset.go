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
	"github.com/sluicehq/sluice/internal/wiring"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
)

func keysetCommand() *cli.Command {
	return group("keyset", "manage the key set that encrypts the secrets of connections",
		&cli.Command{
			Name: "create", Usage: "create a key set",
			Description: "The key set decrypts every secret, and without it no secret can be decrypted:\n" +
				"keep a copy in a safe place.",
			Flags: []cli.Flag{
				&cli.StringFlag{
					Name: "out", Usage: "write the key set to `FILE`, which must not exist", DefaultText: "standard output",
				},
			},
			Action: withSession(createKeyset),
		},
		&cli.Command{
			Name: "rotate", Usage: "add a new primary key; earlier keys still decrypt",
			Flags:  []cli.Flag{keysetFileFlag(), outputFlag()},
			Action: withSession(rotateKeyset),
		},
		&cli.Command{
			Name: "adopt", Usage: "register a new key set with the store after the old one was lost",
			Description: "The store remembers the key set that encrypts its connections and rejects any other; " +
				"this replaces it.\n" +
				"Connections encrypted with another key set can no longer be decrypted: add them again with\n" +
				"`sluice connection add --replace`, or restore that key set and adopt it.",
			Flags: []cli.Flag{outputFlag()}, Action: withClient((*session).Connections, adoptKeyset),
		},
		&cli.Command{
			Name: "list", Usage: "list the keys of the key set", Flags: []cli.Flag{keysetFileFlag(), outputFlag()},
			Action: withSession(listKeyset),
		},
	)
}

func keysetFileFlag() cli.Flag {
	return &cli.StringFlag{
		Name: "file", Usage: "read the key set from `FILE`",
		DefaultText: "connections.keyset_file, else that of sluice-dev up",
	}
}

func createKeyset(_ context.Context, s *session) error {
	c := s.cli
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
		return exitWith(exitRefused, fmt.Errorf("%w: add a key to it with `sluice keyset rotate --file %s`", err, path))
	}
	if err != nil {
		return err
	}
	return say(c, "created key set %s; set SLUICE_CONNECTIONS_KEYSET_FILE to it for commands and workers, "+
		"and keep a copy in a safe place", path)
}

func rotateKeyset(_ context.Context, s *session) error {
	c := s.cli
	path := c.String("file")
	if path == "" {
		if s.settings.Connections.Keyset != "" {
			return errors.New("connections.keyset cannot be rotated in place: " +
				"write it to a file, rotate the file with --file, then set connections.keyset to its content")
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
	return say(c, "added primary key %d to %s; "+
		"re-encrypt secrets with `sluice connection rotate --all`", id, path)
}

func listKeyset(_ context.Context, s *session) error {
	c := s.cli
	from := wiring.Vault(s.settings.Connections)
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
	table := terminal.NewTable("KEY ID", "STATUS")
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

func adoptKeyset(ctx context.Context, s *session, service *connectclient.Connections) error {
	adopted, err := service.AdoptKeyset(ctx)
	if err != nil {
		return err
	}
	closed, replaced := adopted.Closed, adopted.Replaced
	if asJSON(s.cli) {
		return writeJSON(s.cli, map[string][]string{"cannot_decrypt": closed, "replaced": append([]string{}, replaced...)})
	}
	if len(replaced) > 0 {
		err := say(s.cli, "replaced %s of the ingestion; visits of this moment count twice",
			plural(int64(len(replaced)), "secret"))
		if err != nil {
			return err
		}
	}
	if len(closed) == 0 {
		return say(s.cli, "adopted the key set; it decrypts all connections")
	}
	return say(s.cli, "adopted the key set; it cannot decrypt %s: "+
		"add them again with `sluice connection add --replace`", strings.Join(closed, ", "))
}
