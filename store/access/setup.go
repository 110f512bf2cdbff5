package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// SetupLife is how long a setup link is valid.
const SetupLife = time.Hour

// Errors of the setup.
var (
	// ErrSetUp means that there is an account already.
	ErrSetUp = errors.New("there is an account already: an administrator creates further ones")
	// ErrSetupLink means that a setup link is unknown, used or expired.
	ErrSetupLink = errors.New("the setup link is unknown, used or expired: a server without any account prints a new " +
		"one at its start")
)

// CreateSetupLink returns the secret of a link that creates the first administrator, once, within SetupLife. The error
// is ErrSetUp if there is an account.
func (s *Store) CreateSetupLink(ctx context.Context) (Secret, error) {
	secret := newSecret()
	hash := Hash(secret.text)
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockAccounts(ctx); err != nil {
			return fmt.Errorf("lock the accounts: %w", err)
		}
		if n, err := q.CountAccounts(ctx); err != nil || n > 0 {
			return errors.Join(err, setUp(n))
		}
		return q.AddSetupLink(ctx, hash[:], seconds(SetupLife))
	})
	if err != nil {
		return Secret{}, fmt.Errorf("create a setup link: %w", err)
	}
	return secret, nil
}

func setUp(accounts int64) error {
	if accounts > 0 {
		return ErrSetUp
	}
	return nil
}

// CheckSetupLink returns nil if a secret is a valid setup link, which remains valid, ErrSetUp and ErrSetupLink. It
// comes before the password is hashed, so that only the holder of a link makes a server hash one.
func (s *Store) CheckSetupLink(ctx context.Context, secret string) error {
	hash := Hash(secret)
	valid, err := s.sql.Queries.CheckSetupLink(ctx, hash[:])
	if err != nil {
		return fmt.Errorf("check the setup link: %w", err)
	}
	if !valid {
		return ErrSetupLink
	}
	n, err := s.sql.Queries.CountAccounts(ctx)
	return errors.Join(err, setUp(n))
}

// RedeemSetupLink creates the first administrator, of all sites, and makes all setup links invalid. The errors are
// ErrSetUp, ErrSetupLink and ErrInvalid for the name; the link remains valid after the latter.
func (s *Store) RedeemSetupLink(ctx context.Context, secret, name, passwordHash string) (Account, error) {
	if err := CheckAccountName(name); err != nil {
		return Account{}, fmt.Errorf("create the first administrator: %w", err)
	}
	hash := Hash(secret)
	var account Account
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockAccounts(ctx); err != nil {
			return fmt.Errorf("lock the accounts: %w", err)
		}
		if n, err := q.CountAccounts(ctx); err != nil || n > 0 {
			return errors.Join(err, setUp(n))
		}
		valid, err := q.UseSetupLink(ctx, hash[:])
		if store.NoRows(err) || err == nil && !valid {
			return ErrSetupLink
		}
		if err != nil {
			return fmt.Errorf("use the setup link: %w", err)
		}
		if err := q.DeleteSetupLinks(ctx); err != nil {
			return fmt.Errorf("remove setup links: %w", err)
		}
		err = addAccount(ctx, q, NewAccount{
			Name: name, PasswordHash: passwordHash, Role: roles.RoleAdmin, Sites: roles.AllSites(), CreatedBy: name,
		})
		if err != nil {
			return err
		}
		if account, err = accountNamed(ctx, q, name); err == nil {
			store.NoteChange(ctx, nil, account.document())
		}
		return err
	})
	if err != nil {
		return Account{}, fmt.Errorf("create the first administrator: %w", err)
	}
	return account, nil
}
