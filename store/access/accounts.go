package access

import (
	"context"
	"fmt"
	"regexp"
	"time"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// MaxAccounts bounds the accounts.
const MaxAccounts = 1000

// Account is a person.
type Account struct {
	ID   int64
	Name string
	Role roles.Role
	// Sites is the scope of the account.
	Sites     roles.Scope
	CreatedBy string
	CreatedAt time.Time
	// PasswordAt is when the password was last changed.
	PasswordAt time.Time
	// DisabledAt is nil for an account that can sign in, LastLoginAt for one that never has.
	DisabledAt  *time.Time
	LastLoginAt *time.Time
}

// NewAccount is an account to be created.
type NewAccount struct {
	// Name is 1 to 100 lower-case letters, digits and . _ @ + -, beginning with a letter or digit.
	Name string
	// PasswordHash is that of Passwords.Hash.
	PasswordHash string
	Role         roles.Role
	Sites        roles.Scope
	// CreatedBy is the name of the actor.
	CreatedBy string
}

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._@+-]{0,99}$`)

// CheckAccountName returns an error that wraps ErrInvalid unless the name is an account's.
func CheckAccountName(name string) error {
	if !accountName.MatchString(name) {
		return fmt.Errorf("%w account name %.120q: want 1 to 100 lower-case letters, digits and . _ @ + -", ErrInvalid, name)
	}
	return nil
}

func checkAccount(role roles.Role, sites roles.Scope) error {
	if _, err := roles.ParseRole(string(role)); err != nil {
		return fmt.Errorf("%w role: %w", ErrInvalid, err)
	}
	if !sites.All() && len(sites.Domains()) == 0 {
		return fmt.Errorf("%w scope: want all sites, or at least one", ErrInvalid)
	}
	return nil
}

// CreateAccount creates an account. The errors are ErrInvalid, store.ErrTaken, store.ErrNotFound if a site does not
// exist, and store.ErrLimit.
func (s *Store) CreateAccount(ctx context.Context, n NewAccount) (Account, error) {
	if err := CheckAccountName(n.Name); err != nil {
		return Account{}, fmt.Errorf("create account: %w", err)
	}
	var account Account
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockAccounts(ctx); err != nil {
			return fmt.Errorf("lock the accounts: %w", err)
		}
		if err := addAccount(ctx, q, n); err != nil {
			return err
		}
		var err error
		if account, err = accountNamed(ctx, q, n.Name); err == nil {
			store.NoteChange(ctx, nil, account.document())
		}
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("create account %s: %w", n.Name, err)
	}
	return account, nil
}

// addAccount adds an account in a transaction that has locked the accounts.
func addAccount(ctx context.Context, q *db.Queries, n NewAccount) error {
	if err := checkAccount(n.Role, n.Sites); err != nil {
		return err
	}
	count, err := q.CountAccounts(ctx)
	if err != nil {
		return fmt.Errorf("count accounts: %w", err)
	}
	if count >= MaxAccounts {
		return fmt.Errorf("there are %d accounts: %w", count, store.ErrLimit)
	}
	ids, err := siteIDs(ctx, q, n.Sites)
	if err != nil {
		return err
	}
	err = q.AddAccount(ctx, db.AddAccountParams{
		Name: n.Name, Password: n.PasswordHash, Role: string(n.Role), SiteIds: ids, CreatedBy: n.CreatedBy,
	})
	if store.Violates(err, "accounts_name_key") {
		return store.ErrTaken
	}
	return err
}

// accountNamed returns an account, or store.ErrNotFound.
func accountNamed(ctx context.Context, q *db.Queries, name string) (Account, error) {
	rows, err := q.ListAccounts(ctx, &name)
	if err != nil {
		return Account{}, err
	}
	if len(rows) == 0 {
		return Account{}, store.ErrNotFound
	}
	return accountOf(rows[0]), nil
}

func accountOf(row db.ListAccountsRow) Account {
	return Account{
		ID: row.ID, Name: row.Name, Role: roles.Role(row.Role), Sites: scopeOf(row.AllSites, row.Domains),
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt, PasswordAt: row.PasswordAt, DisabledAt: row.DisabledAt,
		LastLoginAt: row.LastLoginAt,
	}
}

// Accounts returns all accounts by name.
func (s *Store) Accounts(ctx context.Context) ([]Account, error) {
	rows, err := s.sql.Queries.ListAccounts(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return convert.Slice(rows, accountOf), nil
}

// Account returns the account of a name, or store.ErrNotFound.
func (s *Store) Account(ctx context.Context, name string) (Account, error) {
	account, err := accountNamed(ctx, s.sql.Queries, name)
	if err != nil {
		return Account{}, fmt.Errorf("account %.120q: %w", name, err)
	}
	return account, nil
}

// HasAccounts tells whether there is an account.
func (s *Store) HasAccounts(ctx context.Context) (bool, error) {
	n, err := s.sql.Queries.CountAccounts(ctx)
	if err != nil {
		return false, fmt.Errorf("count accounts: %w", err)
	}
	return n > 0, nil
}

// AccountChange is a change of an account. What is nil stays as it is.
type AccountChange struct {
	Role  *roles.Role
	Sites *roles.Scope
	// Disabled ends the account's sessions and refuses its logins; false allows them again.
	Disabled *bool
	// PasswordHash, that of Passwords.Hash, ends the account's sessions.
	PasswordHash *string
}

// ChangeAccount changes an account and returns it. The errors are ErrInvalid, store.ErrNotFound, and
// store.ErrConflict if the last administrator of all sites who can sign in would be lost.
func (s *Store) ChangeAccount(ctx context.Context, name string, c AccountChange) (after Account, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockAccounts(ctx); err != nil {
			return fmt.Errorf("lock the accounts: %w", err)
		}
		before, err := accountNamed(ctx, q, name)
		if err != nil {
			return err
		}
		if err := changeAccount(ctx, q, before, c); err != nil {
			return err
		}
		if after, err = accountNamed(ctx, q, name); err != nil {
			return err
		}
		store.NoteChange(ctx, before.document(), after.document())
		if !administers(before) || administers(after) {
			return nil
		}
		others, err := q.CountOtherAdmins(ctx, before.ID)
		if err == nil && others == 0 {
			err = fmt.Errorf("it is the last administrator of all sites: create another one first: %w", store.ErrConflict)
		}
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("change account %.120q: %w", name, err)
	}
	return after, nil
}

// administers tells whether an account can sign in and administers all sites.
func administers(a Account) bool {
	return a.Role == roles.RoleAdmin && a.Sites.All() && a.DisabledAt == nil
}

func changeAccount(ctx context.Context, q *db.Queries, before Account, c AccountChange) error {
	role, sites := before.Role, before.Sites
	if c.Role != nil {
		role = *c.Role
	}
	if c.Sites != nil {
		sites = *c.Sites
	}
	if c.Role != nil || c.Sites != nil {
		if err := checkAccount(role, sites); err != nil {
			return err
		}
		ids, err := siteIDs(ctx, q, sites)
		if err != nil {
			return err
		}
		if err := q.SetAccount(ctx, db.SetAccountParams{ID: before.ID, Role: string(role), SiteIds: ids}); err != nil {
			return fmt.Errorf("set the role: %w", err)
		}
	}
	if c.Disabled != nil {
		if err := q.DisableAccount(ctx, *c.Disabled, before.ID); err != nil {
			return fmt.Errorf("disable: %w", err)
		}
	}
	if c.PasswordHash != nil {
		if err := q.SetAccountPassword(ctx, *c.PasswordHash, before.ID); err != nil {
			return fmt.Errorf("set the password: %w", err)
		}
	}
	if c.PasswordHash == nil && (c.Disabled == nil || !*c.Disabled) {
		return nil
	}
	if _, err := q.DeleteAccountSessions(ctx, before.ID); err != nil {
		return fmt.Errorf("end sessions: %w", err)
	}
	return nil
}
