package access

import (
	"time"

	roles "github.com/sluicehq/sluice/access"
)

// document is what the audit says about a token or an account.
type document struct {
	Name string     `json:"name"`
	Role roles.Role `json:"role"`
	// Sites is null for all sites.
	Sites     []string   `json:"sites"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
	RevokedAt *time.Time `json:"revoked_at,omitempty"`
	// PasswordAt shows a change of the password.
	PasswordAt *time.Time `json:"changed_at,omitempty"`
	DisabledAt *time.Time `json:"disabled_at,omitempty"`
}

func (t Token) document() document {
	return document{Name: t.Name, Role: t.Role, Sites: t.Sites.Domains(), ExpiresAt: t.ExpiresAt, RevokedAt: t.RevokedAt}
}

func (a Account) document() document {
	return document{
		Name: a.Name, Role: a.Role, Sites: a.Sites.Domains(), PasswordAt: &a.PasswordAt, DisabledAt: a.DisabledAt,
	}
}
