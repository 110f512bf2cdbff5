package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/terminal"
	accessstore "github.com/sluicehq/sluice/store/access"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

func siteKeyCommand() *cli.Command {
	return group("key", "manage the keys of a site's authorised senders",
		&cli.Command{
			Name: "create", Usage: "create a key and print it once", ArgsUsage: "DOMAIN",
			Description: "The store keeps a hash of the key only. Send it as `Authorization: Bearer KEY`.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "label", Usage: "note what the key is for as `TEXT`"}, outputFlag(),
			},
			Action: withSession(createKey),
		},
		&cli.Command{
			Name: "list", Usage: "list the keys of a site", ArgsUsage: "DOMAIN", Flags: []cli.Flag{outputFlag()},
			Action: withSession(listKeys),
		},
		&cli.Command{
			Name: "revoke", Usage: "revoke a key; servers refuse it within a second", ArgsUsage: "DOMAIN PREFIX",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(revokeKey),
		},
	)
}

// keyJSON is a key without its secret.
type keyJSON struct {
	Prefix     string     `json:"prefix"`
	Label      string     `json:"label"`
	CreatedAt  time.Time  `json:"created_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func keyView(k ingeststore.Key) keyJSON {
	return keyJSON{
		Prefix: k.Prefix, Label: k.Label, CreatedAt: k.CreatedAt, RevokedAt: k.RevokedAt, LastUsedAt: k.LastUsedAt,
	}
}

func createKey(ctx context.Context, s *session) error {
	domain, err := oneArg(s.cli, "a site's domain")
	if err != nil {
		return err
	}
	client, err := s.Access(ctx)
	if err != nil {
		return err
	}
	key, secret, err := client.CreateSiteKey(ctx, domain, s.cli.String("label"))
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, struct {
			keyJSON
			Key string `json:"key"`
		}{keyView(key), secret.Reveal()})
	}
	if err := say(s.cli, "%s", secret.Reveal()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.cli.App.ErrWriter, "created key %s of site %s; it is shown this once\n", key.Prefix, domain)
	return err
}

func listKeys(ctx context.Context, s *session) error {
	domain, err := oneArg(s.cli, "a site's domain")
	if err != nil {
		return err
	}
	client, err := s.Access(ctx)
	if err != nil {
		return err
	}
	keys, err := client.SiteKeys(ctx, domain)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		views := make([]keyJSON, len(keys))
		for i, key := range keys {
			views[i] = keyView(key)
		}
		return writeJSON(s.cli, views)
	}
	if len(keys) == 0 {
		return say(s.cli, "No keys found. Create one with `sluice site key create %s`.", domain)
	}
	table := terminal.NewTable("PREFIX", "LABEL", "STATE", "LAST USED", "CREATED")
	for _, key := range keys {
		state := terminal.Coloured{Text: "valid", Colour: terminal.Green}
		if key.RevokedAt != nil {
			state = terminal.Coloured{Text: "revoked", Colour: terminal.Red}
		}
		used := "never"
		if key.LastUsedAt != nil {
			used = key.LastUsedAt.Local().Format(time.DateTime)
		}
		table.Row(key.Prefix, key.Label, state, used, key.CreatedAt.Local().Format(time.DateTime))
	}
	return table.Write(s.cli.App.Writer)
}

func revokeKey(ctx context.Context, s *session) error {
	if s.cli.NArg() != 2 {
		return fmt.Errorf("want two arguments, a site's domain and the prefix of a key: see `%s --help`",
			s.cli.Command.HelpName)
	}
	domain, prefix := s.cli.Args().Get(0), s.cli.Args().Get(1)
	if err := accessstore.CheckPrefix(prefix); err != nil {
		return err
	}
	client, err := s.Access(ctx)
	if err != nil {
		return err
	}
	key, err := client.RevokeSiteKey(ctx, domain, prefix)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, keyView(key))
	}
	return say(s.cli, "revoked key %s of site %s", key.Prefix, domain)
}
