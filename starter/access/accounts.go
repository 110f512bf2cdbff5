package access

import (
	"context"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// NewAccount is an account to be created.
type NewAccount struct {
	// Name is 1 to 100 lower-case letters, digits and . _ @ + -.
	Name string
	// Password has at least accessstore.MinPassword characters. It is not stored.
	Password string
	Role     access.Role
	// Sites is the scope; the zero value is refused.
	Sites access.Scope
}

// CreateAccount creates an account. The errors are those of accessstore.CreateAccount and access.ErrForbidden.
func (c *Client) CreateAccount(ctx context.Context, n NewAccount) (accessstore.Account, error) {
	if err := administer(ctx); err != nil {
		return accessstore.Account{}, err
	}
	hash, err := c.hash(ctx, n.Name, n.Password)
	if err != nil {
		return accessstore.Account{}, err
	}
	entry := store.AuditEntry{Operation: "account.create", SubjectType: "account", SubjectID: n.Name}
	return store.AuditedResult(ctx, c.store.Store, entry, func(ctx context.Context) (accessstore.Account, error) {
		return c.store.CreateAccount(ctx, accessstore.NewAccount{
			Name: n.Name, PasswordHash: hash, Role: n.Role, Sites: n.Sites, CreatedBy: access.ActorFrom(ctx).Name,
		})
	})
}

// hash checks the name and the password of an account and hashes the password.
func (c *Client) hash(ctx context.Context, name, password string) (string, error) {
	if err := accessstore.CheckAccountName(name); err != nil {
		return "", err
	}
	if err := accessstore.CheckPassword(password); err != nil {
		return "", err
	}
	return c.passwords.Hash(ctx, password)
}

// Accounts returns all accounts by name.
func (c *Client) Accounts(ctx context.Context) ([]accessstore.Account, error) {
	if err := administer(ctx); err != nil {
		return nil, err
	}
	return c.store.Accounts(ctx)
}

// SetAccount changes the role or the sites of an account; nil leaves them. The errors are those of
// accessstore.ChangeAccount and access.ErrForbidden.
func (c *Client) SetAccount(
	ctx context.Context, name string, role *access.Role, sites *access.Scope,
) (accessstore.Account, error) {
	return c.change(ctx, "account.set", name, accessstore.AccountChange{Role: role, Sites: sites})
}

// DisableAccount ends the sessions of an account and refuses its logins, or allows them again.
func (c *Client) DisableAccount(ctx context.Context, name string, disabled bool) (accessstore.Account, error) {
	operation := "account.enable"
	if disabled {
		operation = "account.disable"
	}
	return c.change(ctx, operation, name, accessstore.AccountChange{Disabled: &disabled})
}

// ResetPassword gives an account another password and ends its sessions.
func (c *Client) ResetPassword(ctx context.Context, name, password string) (accessstore.Account, error) {
	if err := administer(ctx); err != nil {
		return accessstore.Account{}, err
	}
	// No password is hashed for an account that does not exist.
	if _, err := c.store.Account(ctx, name); err != nil {
		return accessstore.Account{}, err
	}
	hash, err := c.hash(ctx, name, password)
	if err != nil {
		return accessstore.Account{}, err
	}
	return c.change(ctx, "account.reset_password", name, accessstore.AccountChange{PasswordHash: &hash})
}

func (c *Client) change(
	ctx context.Context, operation, name string, change accessstore.AccountChange,
) (accessstore.Account, error) {
	if err := administer(ctx); err != nil {
		return accessstore.Account{}, err
	}
	entry := store.AuditEntry{Operation: operation, SubjectType: "account", SubjectID: name}
	return store.AuditedResult(ctx, c.store.Store, entry, func(ctx context.Context) (accessstore.Account, error) {
		return c.store.ChangeAccount(ctx, name, change)
	})
}
