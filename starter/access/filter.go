package access

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/textsearch"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// States of tokens.
const (
	TokenValid   = "valid"
	TokenExpired = "expired"
	TokenRevoked = "revoked"
)

// TokenStates returns all states of tokens.
func TokenStates() []string { return []string{TokenValid, TokenExpired, TokenRevoked} }

// TokenState returns the state of a token at a time.
func TokenState(t accessstore.Token, at time.Time) string {
	switch {
	case t.RevokedAt != nil:
		return TokenRevoked
	case !t.Valid(at):
		return TokenExpired
	default:
		return TokenValid
	}
}

// States of accounts.
const (
	AccountEnabled  = "enabled"
	AccountDisabled = "disabled"
)

// AccountStates returns all states of accounts.
func AccountStates() []string { return []string{AccountEnabled, AccountDisabled} }

// AccountState returns the state of an account.
func AccountState(a accessstore.Account) string {
	if a.DisabledAt != nil {
		return AccountDisabled
	}
	return AccountEnabled
}

// Filter selects tokens or accounts. The zero value selects all.
type Filter struct {
	// Text is in the name or, of a token, in the prefix, in upper or lower case.
	Text string
	Role access.Role
	// Site is a domain that the scope has.
	Site string
	// State is one of the states above.
	State string
}

// Tokens returns the tokens that match at a time, in their order. It changes the slice.
func (f Filter) Tokens(all []accessstore.Token, at time.Time) []accessstore.Token {
	return slices.DeleteFunc(all, func(t accessstore.Token) bool {
		return !f.matches(t.Role, t.Sites, TokenState(t, at), t.Name, t.Prefix)
	})
}

// Accounts returns the accounts that match, in their order. It changes the slice.
func (f Filter) Accounts(all []accessstore.Account) []accessstore.Account {
	return slices.DeleteFunc(all, func(a accessstore.Account) bool {
		return !f.matches(a.Role, a.Sites, AccountState(a), a.Name)
	})
}

func (f Filter) matches(role access.Role, scope access.Scope, state string, names ...string) bool {
	return textsearch.In(f.Text, names...) && (f.Role == "" || f.Role == role) && (f.Site == "" || scope.Has(f.Site)) &&
		(f.State == "" || f.State == state)
}
