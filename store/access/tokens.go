package access

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	roles "github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Limits of tokens.
const (
	// MaxTokens bounds the valid tokens, without keys of sites.
	MaxTokens = 500
	// DefaultTokenLife is how long a token is valid by default.
	DefaultTokenLife = 90 * 24 * time.Hour
	// keptRevoked is how many days revoked and expired tokens are listed.
	keptRevoked = 90
)

// ErrInvalid means that a name, a password or another argument is invalid; its text says what would be right.
var ErrInvalid = errors.New("invalid")

// NewToken is a token to be created.
type NewToken struct {
	// Name is unique among the valid tokens: 1 to 100 letters, digits, dots, dashes and underscores.
	Name string
	// Role is not roles.RoleIngest, which keys of sites have.
	Role roles.Role
	// Sites is the scope of the token.
	Sites roles.Scope
	// Life is how long the token is valid, at least a minute; 0 is for ever.
	Life time.Duration
	// CreatedBy is the name of the actor.
	CreatedBy string
}

// Token is a token without its secret.
type Token struct {
	ID   int64
	Name string
	// Prefix is the beginning of the token, by which people recognise it.
	Prefix    string
	Role      roles.Role
	Sites     roles.Scope
	CreatedBy string
	CreatedAt time.Time
	// ExpiresAt is nil for a token that does not expire, RevokedAt for one that is not revoked.
	ExpiresAt *time.Time
	RevokedAt *time.Time
	// LastUsedAt is at most a minute late; nil if the token was not used.
	LastUsedAt *time.Time
}

// Valid tells whether the token is neither revoked nor expired at a time.
func (t Token) Valid(at time.Time) bool {
	return t.RevokedAt == nil && (t.ExpiresAt == nil || t.ExpiresAt.After(at))
}

var tokenName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

// Validate returns an error that wraps ErrInvalid and names every fault.
func (n NewToken) Validate() error {
	var faults []error
	switch {
	case strings.HasPrefix(n.Name, tokenScheme):
		faults = append(faults, fmt.Errorf("%w name: tokens begin with %s, names do not", ErrInvalid, tokenScheme))
	case !tokenName.MatchString(n.Name):
		faults = append(faults, fmt.Errorf("%w name %.120q: want 1 to 100 letters, digits, dots, dashes and underscores",
			ErrInvalid, n.Name))
	}
	if _, err := roles.ParseRole(string(n.Role)); err != nil {
		faults = append(faults, fmt.Errorf("%w role: %w", ErrInvalid, err))
	}
	if !n.Sites.All() && len(n.Sites.Domains()) == 0 {
		faults = append(faults, fmt.Errorf("%w scope: want all sites, or at least one", ErrInvalid))
	}
	if n.Life < 0 || n.Life > 0 && n.Life < time.Minute {
		faults = append(faults, fmt.Errorf("%w life %s: want at least 1m, or 0 for ever", ErrInvalid, n.Life))
	}
	return errors.Join(faults...)
}

// CreateToken creates a token and returns its secret, which is not stored: the caller shows it once. The errors are
// ErrInvalid, store.ErrTaken if a valid token has the name, store.ErrNotFound if a site does not exist, and
// store.ErrLimit.
func (s *Store) CreateToken(ctx context.Context, n NewToken) (Token, Secret, error) {
	if err := n.Validate(); err != nil {
		return Token{}, Secret{}, fmt.Errorf("create token: %w", err)
	}
	secret, prefix := MakeToken()
	hash := Hash(secret.text)
	token := Token{Name: n.Name, Prefix: prefix, Role: n.Role, Sites: n.Sites, CreatedBy: n.CreatedBy}
	if n.Life > 0 {
		token.ExpiresAt = new(time.Now().Add(n.Life).UTC().Truncate(time.Second))
	}
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := makeRoom(ctx, q, n.Name); err != nil {
			return err
		}
		ids, err := siteIDs(ctx, q, n.Sites)
		if err != nil {
			return err
		}
		row, err := q.AddToken(ctx, db.AddTokenParams{
			Name: n.Name, Prefix: prefix, Hash: hash[:], Role: string(n.Role), SiteIds: ids, CreatedBy: n.CreatedBy,
			ExpiresAt: token.ExpiresAt,
		})
		if store.Violates(err, "tokens_name") {
			return fmt.Errorf("a valid token has this name: revoke it first, or choose another name: %w", store.ErrTaken)
		}
		token.ID, token.CreatedAt = row.ID, row.CreatedAt
		store.NoteChange(ctx, nil, token.document())
		return err
	})
	if err != nil {
		return Token{}, Secret{}, fmt.Errorf("create token %s: %w", n.Name, err)
	}
	return token, secret, nil
}

// makeRoom removes what is long gone, frees the name of an expired token and checks the number of tokens.
func makeRoom(ctx context.Context, q *db.Queries, name string) error {
	if err := q.LockTokens(ctx); err != nil {
		return fmt.Errorf("lock the tokens: %w", err)
	}
	if err := q.TrimTokens(ctx, keptRevoked); err != nil {
		return fmt.Errorf("remove old tokens: %w", err)
	}
	if err := q.ExpireTokens(ctx, name); err != nil {
		return fmt.Errorf("free the name: %w", err)
	}
	n, err := q.CountTokens(ctx)
	if err != nil {
		return fmt.Errorf("count tokens: %w", err)
	}
	if n >= MaxTokens {
		return fmt.Errorf("there are %d tokens, revoke one of them first: %w", n, store.ErrLimit)
	}
	return nil
}

// Tokens returns all tokens other than keys of sites, by name, also those that were revoked or have expired less than
// 90 days ago.
func (s *Store) Tokens(ctx context.Context) ([]Token, error) {
	rows, err := s.sql.Queries.ListTokens(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	return convert.Slice(rows, tokenOf), nil
}

func tokenOf(row db.ListTokensRow) Token {
	return Token{
		ID: row.ID, Name: row.Name, Prefix: row.Prefix, Role: roles.Role(row.Role), Sites: scopeOf(row.AllSites, row.Domains),
		CreatedBy: row.CreatedBy, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt, RevokedAt: row.RevokedAt,
		LastUsedAt: row.LastUsedAt,
	}
}

// RevokeToken revokes the valid token of a name, or the token with a prefix, and returns it. It is idempotent. Servers
// refuse the token once they are notified. A whole token is refused, because it does not belong on a command line. The
// errors are ErrPrefix and store.ErrNotFound.
func (s *Store) RevokeToken(ctx context.Context, name string) (Token, error) {
	if strings.HasPrefix(name, tokenScheme) {
		if err := CheckPrefix(name); err != nil {
			return Token{}, fmt.Errorf("revoke token: %w", err)
		}
	}
	var token Token
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		rows, err := q.ListTokens(ctx, pointer(name))
		if err != nil {
			return err
		}
		if len(rows) == 0 || name == "" {
			return store.ErrNotFound
		}
		// Several have the name: one at most is not revoked, and it is the newest.
		if err := q.RevokeToken(ctx, rows[0].ID); err != nil {
			return err
		}
		before := tokenOf(rows[0])
		if rows, err = q.ListTokens(ctx, &before.Prefix); err == nil {
			token = tokenOf(rows[0])
			store.NoteSubject(ctx, token.Name, "")
			store.NoteChange(ctx, before.document(), token.document())
		}
		return err
	})
	if err != nil {
		return Token{}, fmt.Errorf("revoke token %.120q: %w", name, err)
	}
	return token, nil
}

// FoundToken is a token as an authenticator finds it.
type FoundToken struct {
	ID    int64
	Name  string
	Role  roles.Role
	Sites roles.Scope
	// Life is how long the token is valid, 0 for ever.
	Life time.Duration
}

// TokenByHash returns the valid token with a hash, or store.ErrNotFound.
func (s *Store) TokenByHash(ctx context.Context, hash [sha256.Size]byte) (FoundToken, error) {
	row, err := s.sql.Queries.TokenByHash(ctx, hash[:])
	if err != nil {
		return FoundToken{}, store.Found(err, "token")
	}
	found := FoundToken{
		ID: row.ID, Name: row.Name, Role: roles.Role(row.Role), Sites: scopeOf(row.AllSites, row.Domains),
	}
	found.Name = cmp.Or(found.Name, row.Prefix)
	if row.RevokedAt != nil {
		return FoundToken{}, fmt.Errorf("token %s is revoked: %w", found.Name, store.ErrNotFound)
	}
	if row.ExpiresAt != nil {
		if found.Life = row.ExpiresAt.Sub(row.NowAt); found.Life <= 0 {
			return FoundToken{}, fmt.Errorf("token %s has expired: %w", found.Name, store.ErrNotFound)
		}
	}
	return found, nil
}

// NoteTokenUse notes that tokens were used, each at most once a minute.
func (s *Store) NoteTokenUse(ctx context.Context, ids []int64) error {
	if err := s.sql.Queries.NoteTokenUse(ctx, ids); err != nil {
		return fmt.Errorf("note the use of tokens: %w", err)
	}
	return nil
}
