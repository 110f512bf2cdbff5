package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/terminal"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

func accountCommand() *cli.Command {
	return group("account", "manage the accounts of people",
		&cli.Command{
			Name: "create", Usage: "create an account", ArgsUsage: "NAME",
			Description: passwordHelp,
			Flags:       []cli.Flag{roleFlag(), sitesFlag(), passwordFileFlag(), outputFlag()},
			Action:      withArg(newAccount, (*session).Access, createAccount),
		},
		&cli.Command{
			Name: "list", Usage: "list accounts",
			Flags:  append(accessFilterFlags("accounts", "name", accessclient.AccountStates()), outputFlag()),
			Action: withArg(accessFilter(accessclient.AccountStates()), (*session).Access, listAccounts),
		},
		&cli.Command{
			Name: "set", Usage: "change the role or the sites of an account", ArgsUsage: "NAME",
			Flags: []cli.Flag{
				roleFlag(),
				&cli.StringSliceFlag{
					Name: "site", Usage: "limit it to the site `DOMAIN` instead" + repeated, DefaultText: "unchanged",
				},
				&cli.BoolFlag{Name: "all-sites", Usage: "limit it to no site"}, outputFlag(),
			},
			Action: withSession(setAccount),
		},
		&cli.Command{
			Name: "disable", Usage: "refuse the logins of an account and end its sessions", ArgsUsage: "NAME",
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "undo", Usage: "allow logins again"}, outputFlag(),
			},
			Action: withArg(accountArg, (*session).Access, disableAccount),
		},
		&cli.Command{
			Name: "reset-password", Usage: "set another password and end the sessions of an account", ArgsUsage: "NAME",
			Description: passwordHelp,
			Flags:       []cli.Flag{passwordFileFlag(), outputFlag()},
			Action:      withSession(resetPassword),
		},
	)
}

// accountJSON is an account without its password.
type accountJSON struct {
	Name string      `json:"name"`
	Role access.Role `json:"role"`
	// Sites is null for all sites.
	Sites       []string   `json:"sites"`
	CreatedBy   string     `json:"created_by"`
	CreatedAt   time.Time  `json:"created_at"`
	PasswordAt  time.Time  `json:"password_at"`
	DisabledAt  *time.Time `json:"disabled_at"`
	LastLoginAt *time.Time `json:"last_login_at"`
}

func accountView(a accessstore.Account) accountJSON {
	return accountJSON{
		Name: a.Name, Role: a.Role, Sites: a.Sites.Domains(), CreatedBy: a.CreatedBy, CreatedAt: a.CreatedAt,
		PasswordAt: a.PasswordAt, DisabledAt: a.DisabledAt, LastLoginAt: a.LastLoginAt,
	}
}

func accountArg(c *cli.Context) (string, error) {
	name, err := oneArg(c, "the name of an account")
	if err == nil {
		err = accessstore.CheckAccountName(name)
	}
	return name, err
}

// answerAccount writes a changed account.
func answerAccount(c *cli.Context, a accessstore.Account, err error, format string, args ...any) error {
	if err != nil {
		return err
	}
	return answer(c, accountView(a), format, args...)
}

// newAccount reads the account of the argument and the flags, and its password.
func newAccount(c *cli.Context) (n accessclient.NewAccount, err error) {
	if n.Name, err = accountArg(c); err != nil {
		return n, err
	}
	if n.Role, err = roleOf(c); err != nil {
		return n, err
	}
	if n.Sites, err = scopeFlag(c); err != nil {
		return n, err
	}
	n.Password, err = readPassword(c, n.Name)
	return n, err
}

func createAccount(ctx context.Context, s *session, n accessclient.NewAccount, client *accessclient.Client) error {
	a, err := client.CreateAccount(ctx, n)
	return answerAccount(s.cli, a, err, "created account %s: %s of %s", a.Name, a.Role, a.Sites)
}

func listAccounts(
	ctx context.Context, s *session, filter accessclient.Filter, client *accessclient.Client,
) error {
	accounts, err := client.Accounts(ctx)
	if err != nil {
		return err
	}
	accounts = filter.Accounts(accounts)
	written, err := withoutTable(s.cli, convert.Slice(accounts, accountView), len(accounts), "accounts",
		"No accounts found. Create one with `sluice account create NAME`.")
	if written {
		return err
	}
	table := terminal.NewTable("NAME", "ROLE", "SITES", "STATE", "LAST LOGIN", "CREATED BY", "CREATED")
	for _, a := range accounts {
		state := terminal.Coloured{Text: accessclient.AccountState(a), Colour: terminal.Green}
		if a.DisabledAt != nil {
			state.Colour = terminal.Red
		}
		table.Row(a.Name, a.Role, a.Sites, state, whenOrNever(a.LastLoginAt), a.CreatedBy, when(&a.CreatedAt))
	}
	return table.Write(s.cli.App.Writer)
}

func setAccount(ctx context.Context, s *session) error {
	c := s.cli
	name, err := accountArg(c)
	if err != nil {
		return err
	}
	var role *access.Role
	if c.IsSet("role") {
		given, err := roleOf(c)
		if err != nil {
			return err
		}
		role = &given
	}
	var scope *access.Scope
	switch {
	case c.IsSet("site") && c.Bool("all-sites"):
		return errors.New("--site and --all-sites exclude each other")
	case c.IsSet("site") || c.Bool("all-sites"):
		given, err := scopeFlag(c)
		if err != nil {
			return err
		}
		scope = &given
	case role == nil:
		return fmt.Errorf("nothing to change: want --role, --site or --all-sites, see `%s --help`", c.Command.HelpName)
	}
	client, err := s.Access(ctx)
	if err != nil {
		return err
	}
	a, err := client.SetAccount(ctx, name, role, scope)
	return answerAccount(c, a, err, "changed account %s: %s of %s", a.Name, a.Role, a.Sites)
}

func disableAccount(ctx context.Context, s *session, name string, client *accessclient.Client) error {
	disable := !s.cli.Bool("undo")
	a, err := client.DisableAccount(ctx, name, disable)
	done := "enabled account %s"
	if disable {
		done = "disabled account %s; its sessions have ended"
	}
	return answerAccount(s.cli, a, err, done, name)
}

func resetPassword(ctx context.Context, s *session) error {
	name, err := accountArg(s.cli)
	if err != nil {
		return err
	}
	password, err := readPassword(s.cli, name)
	if err != nil {
		return err
	}
	client, err := s.Access(ctx)
	if err != nil {
		return err
	}
	a, err := client.ResetPassword(ctx, name, password)
	return answerAccount(s.cli, a, err, "set the password of account %s; its sessions have ended", name)
}
