package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"log/slog"
	"strings"
)

// secretBytes is the number of random bytes of a token, of a session's ID and of a setup link.
const secretBytes = 32

// tokenScheme begins every token, so that scanners for secrets find it.
const tokenScheme = "sluice_"

// prefixLetters is the length of the random part of a token's prefix.
const prefixLetters = 8

// TokenLength is the length of every token in bytes: scheme, prefix, underscore, 43 characters of base64.
const TokenLength = len(tokenScheme) + prefixLetters + 1 + 43

// Secret is a token, a session's ID or a setup link. fmt, slog and JSON hide it.
type Secret struct{ text string }

// Reveal returns the secret, to be shown or sent once.
func (s Secret) Reveal() string { return s.text }

// String hides the secret.
func (Secret) String() string { return "hidden" }

// GoString hides the secret.
func (Secret) GoString() string { return "hidden" }

// LogValue hides the secret.
func (Secret) LogValue() slog.Value { return slog.StringValue("hidden") }

// MarshalText hides the secret.
func (Secret) MarshalText() ([]byte, error) { return []byte("hidden"), nil }

// Hash returns the hash under which the store knows a secret. A secret has 256 random bits, so that no slower hash is
// needed.
func Hash(secret string) [sha256.Size]byte { return sha256.Sum256([]byte(secret)) }

// MakeToken returns a new token, sluice_PREFIX_SECRET, and its public prefix, sluice_PREFIX.
func MakeToken() (token Secret, prefix string) {
	var letters [prefixLetters * 5 / 8]byte
	random(letters[:])
	prefix = tokenScheme + strings.ToLower(base32.StdEncoding.EncodeToString(letters[:]))
	return Secret{prefix + "_" + newSecret().text}, prefix
}

// newSecret returns 256 random bits in 43 characters of base64, for URLs.
func newSecret() Secret {
	var bits [secretBytes]byte
	random(bits[:])
	return Secret{base64.RawURLEncoding.EncodeToString(bits[:])}
}

// random fills a slice. crypto/rand never fails: it ends the process instead.
func random(into []byte) {
	if _, err := rand.Read(into); err != nil {
		panic(err)
	}
}

// IsToken tells whether a text has the form of a token: another one needs no query.
func IsToken(text string) bool {
	return len(text) == TokenLength && strings.HasPrefix(text, tokenScheme) && text[len(tokenScheme)+prefixLetters] == '_'
}

// ErrPrefix means that a text is not the prefix of a token.
var ErrPrefix = errors.New("not the prefix of a token: want sluice_ and 8 letters and digits")

// CheckPrefix returns ErrPrefix unless the text is the prefix of a token.
func CheckPrefix(prefix string) error {
	if letters, ok := strings.CutPrefix(prefix, tokenScheme); !ok || len(letters) != prefixLetters {
		return ErrPrefix
	}
	return nil
}
