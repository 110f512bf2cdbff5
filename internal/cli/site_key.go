package cli

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/terminal"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

func siteKeyCommand() *cli.Command {
	return group("key", "manage the keys of a site's authorised senders",
		&cli.Command{
			Name: "create", Usage: "create a key and print it once", ArgsUsage: "DOMAIN",
			Description: "The store keeps a hash of the key only. Send it as `Authorization: Bearer KEY`.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "label", Usage: "note what the key is for as `TEXT`"}, outputFlag(),
			},
			Action: withArg(siteArg, (*session).Access, createKey),
		},
		&cli.Command{
			Name: "list", Usage: "list the keys of a site", ArgsUsage: "DOMAIN", Flags: []cli.Flag{outputFlag()},
			Action: withArg(siteArg, (*session).Access, listKeys),
		},
		&cli.Command{
			Name: "revoke", Usage: "revoke a key; servers refuse it within a second", ArgsUsage: "DOMAIN PREFIX",
			Flags: []cli.Flag{outputFlag()}, Action: withSession(revokeKey),
		},
	)
}

func createKey(ctx context.Context, s *session, domain string, client *accessclient.Client) error {
	key, secret, err := client.CreateSiteKey(ctx, domain, s.cli.String("label"))
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, struct {
			accessclient.SiteKey
			Key string `json:"key"`
		}{accessclient.SiteKeyOf(key), secret.Reveal()})
	}
	if err := say(s.cli, "%s", secret.Reveal()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.cli.App.ErrWriter, "created key %s of site %s; it is shown this once\n", key.Prefix, domain)
	return err
}

func listKeys(ctx context.Context, s *session, domain string, client *accessclient.Client) error {
	keys, err := client.SiteKeys(ctx, domain)
	if err != nil {
		return err
	}
	if asJSON(s.cli) {
		return writeJSON(s.cli, convert.Slice(keys, accessclient.SiteKeyOf))
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
		table.Row(key.Prefix, key.Label, state, whenOrNever(key.LastUsedAt), when(&key.CreatedAt))
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
	return answer(s.cli, accessclient.SiteKeyOf(key), "revoked key %s of site %s", key.Prefix, domain)
}
