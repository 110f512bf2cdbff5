package access

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// Errors of sessions.
var (
	// errLogin does not tell an attacker what exists.
	errLogin = fmt.Errorf("%w: unknown account, wrong password or disabled account", access.ErrUnauthenticated)
	// ErrPassword means that the present password of an account is wrong.
	ErrPassword = fmt.Errorf("%w password: it is not the present one of the account", accessstore.ErrInvalid)
	// errNoSession is of tokens and of people who are signed in locally.
	errNoSession = fmt.Errorf("only an account that has signed in has a session and a password: %w", store.ErrConflict)
)

// Session is a session that has begun.
type Session struct {
	// ID is for the cookie.
	ID accessstore.Secret
	// Principal is the account.
	Principal access.Principal
}

// Login checks a password and signs the account in. It needs no principal; the address of the client is that of the
// context's actor. Errors wrap access.ErrUnauthenticated, the same after the same time for an unknown account, a
// disabled one and a wrong password; accessstore.ErrAttempts, with the time until the next attempt; others are those of
// PostgreSQL and of ctx. A login is recorded in the audit, a refused one is not: it changes nothing.
func (c *Client) Login(ctx context.Context, name, password string) (Session, error) {
	credential, err := c.verify(ctx, name, password)
	if err != nil {
		return Session{}, err
	}
	s, err := c.begin(ctx, name, credential)
	if err != nil {
		return Session{}, err
	}
	return s, c.store.ForgetAttempts(ctx, name, access.ActorFrom(ctx).Address)
}

// verify returns the credential of an account with this password, or errLogin.
func (c *Client) verify(ctx context.Context, name, password string) (accessstore.Credential, error) {
	var none accessstore.Credential
	if len(password) > accessstore.MaxPassword || accessstore.CheckAccountName(name) != nil {
		return none, errLogin
	}
	if err := c.store.CountAttempt(ctx, name, access.ActorFrom(ctx).Address); err != nil {
		return none, err
	}
	credential, err := c.store.Credential(ctx, name)
	if err != nil {
		return none, err
	}
	right, outdated, err := c.passwords.Verify(ctx, password, credential.PasswordHash)
	if err != nil {
		return none, fmt.Errorf("check a password: %w", err)
	}
	if !right {
		return none, errLogin
	}
	if outdated {
		return c.rehash(ctx, credential, password)
	}
	return credential, nil
}

// rehash gives a password a hash of the present parameters.
func (c *Client) rehash(
	ctx context.Context, credential accessstore.Credential, password string,
) (accessstore.Credential, error) {
	hash, err := c.passwords.Hash(ctx, password)
	if err != nil {
		return credential, err
	}
	if err := c.store.Rehash(ctx, credential, hash); err != nil {
		return credential, err
	}
	credential.PasswordHash = hash
	return credential, nil
}

// begin signs an account in.
func (c *Client) begin(ctx context.Context, name string, credential accessstore.Credential) (Session, error) {
	entry := store.AuditEntry{Operation: "account.login", SubjectType: "account", SubjectID: name}
	create := func(ctx context.Context) (accessstore.Secret, error) {
		return c.store.CreateSession(ctx, credential, access.ActorFrom(ctx).Address)
	}
	id, err := store.AuditedResult(asAccount(ctx, name), c.store.Store, entry, create)
	if err != nil {
		return Session{}, sessionError(err)
	}
	return c.begun(ctx, id)
}

// begun returns a session that has begun.
func (c *Client) begun(ctx context.Context, id accessstore.Secret) (Session, error) {
	found, err := c.store.SessionByHash(ctx, accessstore.Hash(id.Reveal()))
	if err != nil {
		return Session{}, sessionError(err)
	}
	return Session{ID: id, Principal: found.Principal(time.Now())}, nil
}

// sessionError is of an account that was disabled, or whose password was changed, since it was read.
func sessionError(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return errLogin
	}
	return err
}

// asAccount returns the context in which an account acts that is not authenticated yet.
func asAccount(ctx context.Context, name string) context.Context {
	actor := access.ActorFrom(ctx)
	actor.Name, actor.Kind = name, access.KindAccount
	return access.WithActor(ctx, actor)
}

// SetUp creates the first administrator by a setup link, and signs the account in. It needs no principal. The errors
// are those of accessstore.RedeemSetupLink and accessstore.ErrInvalid for the password; the link remains valid after
// the latter.
func (c *Client) SetUp(ctx context.Context, secret, name, password string) (Session, error) {
	if err := c.store.CheckSetupLink(ctx, secret); err != nil {
		return Session{}, err
	}
	hash, err := c.hash(ctx, name, password)
	if err != nil {
		return Session{}, err
	}
	entry := store.AuditEntry{Operation: "account.setup", SubjectType: "account", SubjectID: name}
	redeem := func(ctx context.Context) (accessstore.Account, error) {
		return c.store.RedeemSetupLink(ctx, secret, name, hash)
	}
	account, err := store.AuditedResult(asAccount(ctx, name), c.store.Store, entry, redeem)
	if err != nil {
		return Session{}, err
	}
	return c.begin(ctx, name, accessstore.Credential{AccountID: account.ID, PasswordHash: hash})
}

// Logout ends a session of the context's principal, which is an account: otherwise the error is store.ErrConflict. It
// is idempotent.
func (c *Client) Logout(ctx context.Context, id string) error {
	p, err := account(ctx)
	if err != nil {
		return err
	}
	entry := store.AuditEntry{Operation: "account.logout", SubjectType: "account", SubjectID: p.Name}
	return c.store.Audited(ctx, entry, func(ctx context.Context) error {
		return c.store.DeleteSession(ctx, accessstore.Hash(id))
	})
}

// account returns the context's principal, or an error unless it is an account.
func account(ctx context.Context) (access.Principal, error) {
	p, ok := access.From(ctx)
	switch {
	case !ok:
		return p, fmt.Errorf("%w: this needs a session", access.ErrUnauthenticated)
	case p.Kind != access.KindAccount:
		return p, fmt.Errorf("%s: %w", p, errNoSession)
	default:
		return p, nil
	}
}

// ChangePassword gives the account of the context's principal another password. It ends all sessions of the account and
// begins a new one. The errors are ErrPassword for the present password, which counts as an attempt to sign in,
// accessstore.ErrInvalid for the new one, accessstore.ErrAttempts, and store.ErrConflict for a principal that is no
// account.
func (c *Client) ChangePassword(ctx context.Context, present, next string) (Session, error) {
	p, err := account(ctx)
	if err != nil {
		return Session{}, err
	}
	if err := accessstore.CheckPassword(next); err != nil {
		return Session{}, err
	}
	credential, err := c.verify(ctx, p.Name, present)
	if errors.Is(err, errLogin) {
		return Session{}, ErrPassword
	}
	if err != nil {
		return Session{}, err
	}
	hash, err := c.passwords.Hash(ctx, next)
	if err != nil {
		return Session{}, err
	}
	address := access.ActorFrom(ctx).Address
	entry := store.AuditEntry{Operation: "account.change_password", SubjectType: "account", SubjectID: p.Name}
	id, err := store.AuditedResult(ctx, c.store.Store, entry, func(ctx context.Context) (accessstore.Secret, error) {
		return c.store.ReplacePassword(ctx, p.Name, credential, hash, address)
	})
	if err != nil {
		return Session{}, sessionError(err)
	}
	if err := c.store.ForgetAttempts(ctx, p.Name, address); err != nil {
		return Session{}, err
	}
	return c.begun(ctx, id)
}
