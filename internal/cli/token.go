package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/terminal"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

func tokenCommand() *cli.Command {
	return group("token", "manage the tokens of services that use the API",
		&cli.Command{
			Name: "create", Usage: "create a token and print it once",
			Description: "The store keeps a hash of the token only. Send it as `Authorization: Bearer TOKEN`.",
			Flags: []cli.Flag{
				&cli.StringFlag{Name: "name", Usage: "`NAME` of the token, unique among the valid ones"},
				roleFlag(), sitesFlag(),
				&cli.StringFlag{Name: "expires", Value: "90d", Usage: "end the token after `TIME`, such as 90d or 12h; never " +
					"for no end"},
				outputFlag(),
			},
			Action: withArg(newToken, (*session).Access, createToken),
		},
		&cli.Command{
			Name: "list", Usage: "list tokens; those that ended are listed for 90 days",
			Flags:  append(accessFilterFlags("tokens", "name or prefix", accessclient.TokenStates()), outputFlag()),
			Action: withArg(accessFilter(accessclient.TokenStates()), (*session).Access, listTokens),
		},
		&cli.Command{
			Name: "revoke", Usage: "revoke a token; servers refuse it within a second", ArgsUsage: "NAME|PREFIX",
			Flags:  []cli.Flag{outputFlag()},
			Action: withArg(named("the name or the prefix of a token"), (*session).Access, revokeToken),
		},
	)
}

// roleFlag says what a token or an account may do.
func roleFlag() cli.Flag {
	return &cli.StringFlag{Name: "role", Usage: "allow what a `ROLE` may: viewer, operator, reviewer or admin"}
}

// sitesFlag says on which sites.
func sitesFlag() cli.Flag {
	return &cli.StringSliceFlag{
		Name: "site", Usage: "limit it to the site `DOMAIN`" + repeated, DefaultText: "all sites",
	}
}

// accessFilterFlags are the filters of a list of tokens or accounts.
func accessFilterFlags(what, in string, states []string) []cli.Flag {
	return []cli.Flag{
		textFlag(what, in),
		&cli.StringFlag{Name: "role", Usage: "list only " + what + " of this `ROLE`: viewer, operator, reviewer or admin"},
		&cli.StringFlag{Name: "site", Usage: "list only " + what + " that may see the site `DOMAIN`"},
		stateFlag(what, states),
	}
}

// accessFilter returns the reader of accessFilterFlags.
func accessFilter(states []string) func(*cli.Context) (accessclient.Filter, error) {
	return func(c *cli.Context) (f accessclient.Filter, err error) {
		f = accessclient.Filter{Text: c.String("text"), Site: c.String("site")}
		if f.State, err = chosenState(c, states); err == nil && c.IsSet("role") {
			f.Role, err = roleOf(c)
		}
		return f, err
	}
}

// roleOf reads roleFlag.
func roleOf(c *cli.Context) (access.Role, error) {
	if c.String("role") == "" {
		return "", errors.New("--role is missing: want viewer, operator, reviewer or admin")
	}
	role, err := access.ParseRole(c.String("role"))
	if err != nil {
		return "", fmt.Errorf("--role: %w", err)
	}
	return role, nil
}

// scopeFlag reads sitesFlag.
func scopeFlag(c *cli.Context) (access.Scope, error) {
	domains := listFlag(c, "site")
	switch {
	case len(domains) > 0:
		return access.Sites(domains...), nil
	case c.IsSet("site"):
		return access.Scope{}, errors.New("--site is empty: want the domain of a site (see `sluice site list`)")
	default:
		return access.AllSites(), nil
	}
}

// parseLife parses --expires: days, a duration or never, which is 0.
func parseLife(text string) (time.Duration, error) {
	if text == "never" {
		return 0, nil
	}
	life, err := time.ParseDuration(text)
	if days, isDays := strings.CutSuffix(text, "d"); isDays {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		life = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || life < time.Minute {
		return 0, fmt.Errorf("--expires %q: want days such as 90d, a duration of at least 1m such as 12h, or never", text)
	}
	return life, nil
}

// tokenJSON is a token without its secret.
type tokenJSON struct {
	Name   string      `json:"name"`
	Prefix string      `json:"prefix"`
	Role   access.Role `json:"role"`
	// Sites is null for all sites.
	Sites      []string   `json:"sites"`
	CreatedBy  string     `json:"created_by"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`
	RevokedAt  *time.Time `json:"revoked_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
}

func tokenView(t accessstore.Token) tokenJSON {
	return tokenJSON{
		Name: t.Name, Prefix: t.Prefix, Role: t.Role, Sites: t.Sites.Domains(),
		CreatedBy: t.CreatedBy, CreatedAt: t.CreatedAt,
		ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt, LastUsedAt: t.LastUsedAt,
	}
}

// newToken reads the token of the flags.
func newToken(c *cli.Context) (n accessclient.NewToken, err error) {
	if n.Name = c.String("name"); n.Name == "" {
		return n, errors.New("--name is missing: want a name, such as that of the service")
	}
	if n.Role, err = roleOf(c); err != nil {
		return n, err
	}
	if n.Sites, err = scopeFlag(c); err != nil {
		return n, err
	}
	n.Life, err = parseLife(c.String("expires"))
	return n, err
}

func createToken(ctx context.Context, s *session, n accessclient.NewToken, client *accessclient.Client) error {
	c := s.cli
	token, secret, err := client.CreateToken(ctx, n)
	if err != nil {
		return err
	}
	if asJSON(c) {
		return writeJSON(c, struct {
			tokenJSON
			Token string `json:"token"`
		}{tokenView(token), secret.Reveal()})
	}
	if err := say(c, "%s", secret.Reveal()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.App.ErrWriter, "created token %s: %s of %s, expires %s; it is shown this once\n",
		token.Name, token.Role, token.Sites, whenOrNever(token.ExpiresAt))
	return err
}

// whenOrNever is the time of an expiry or of a last use.
func whenOrNever(at *time.Time) string {
	if at == nil {
		return never
	}
	return when(at)
}

func listTokens(ctx context.Context, s *session, filter accessclient.Filter, client *accessclient.Client) error {
	tokens, err := client.Tokens(ctx)
	if err != nil {
		return err
	}
	tokens = filter.Tokens(tokens, time.Now())
	written, err := withoutTable(s.cli, convert.Slice(tokens, tokenView), len(tokens), "tokens",
		"No tokens found. Create one with `sluice token create`.")
	if written {
		return err
	}
	table := terminal.NewTable("NAME", "PREFIX", "ROLE", "SITES", "STATE", "EXPIRES", "LAST USED", "CREATED BY", "CREATED")
	for _, t := range tokens {
		table.Row(t.Name, t.Prefix, t.Role, t.Sites, tokenState(t, time.Now()), whenOrNever(t.ExpiresAt),
			whenOrNever(t.LastUsedAt),
			t.CreatedBy, when(&t.CreatedAt))
	}
	return table.Write(s.cli.App.Writer)
}

func tokenState(t accessstore.Token, now time.Time) terminal.Coloured {
	state, colour := accessclient.TokenState(t, now), terminal.Red
	if state == accessclient.TokenValid {
		colour = terminal.Green
	}
	return terminal.Coloured{Text: state, Colour: colour}
}

func revokeToken(ctx context.Context, s *session, name string, client *accessclient.Client) error {
	token, err := client.RevokeToken(ctx, name)
	if err != nil {
		return err
	}
	return answer(s.cli, tokenView(token), "revoked token %s (%s)", token.Name, token.Prefix)
}
