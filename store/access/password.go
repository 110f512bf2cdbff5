package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// Bounds of a password.
const (
	// MinPassword is in characters.
	MinPassword = 12
	// MaxPassword is in bytes.
	MaxPassword = 1024
)

// The parameters of new hashes: the second recommended option of RFC 9106, section 4. Older hashes keep theirs until
// the account signs in.
const (
	hashMemory  = 64 << 10 // KiB
	hashTime    = 3
	hashThreads = 4
	hashSalt    = 16 // bytes
	hashKey     = 32 // bytes
)

// hashesAtOnce bounds the passwords that a process hashes at a time, 64 MiB of memory each.
const hashesAtOnce = 2

// Passwords hashes passwords, a few at a time. It is safe for concurrent use.
type Passwords struct {
	running chan struct{}
	// unknown is the hash of no password, for accounts that do not exist.
	unknown string
}

// NewPasswords returns a hasher.
func NewPasswords() *Passwords {
	salt, key := make([]byte, hashSalt), make([]byte, hashKey)
	random(salt)
	random(key)
	return &Passwords{running: make(chan struct{}, hashesAtOnce), unknown: encodeHash(salt, key)}
}

// CheckPassword returns an error that wraps ErrInvalid unless a text is long enough for a password, and not too long.
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w password: want UTF-8", ErrInvalid)
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Errorf("%w password: want at least %d characters", ErrInvalid, MinPassword)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w password: want at most %d bytes", ErrInvalid, MaxPassword)
	default:
		return nil
	}
}

// Hash returns the argon2id hash of a password in PHC form. The error is that of ctx.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	done, err := p.enter(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	salt := make([]byte, hashSalt)
	random(salt)
	return encodeHash(salt, argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashThreads, hashKey)), nil
}

// Verify tells whether a password has a hash, and whether the hash is of older parameters. The empty hash stands for an
// account that does not exist: it takes the same time and is never right.
func (p *Passwords) Verify(ctx context.Context, password, hash string) (right, outdated bool, err error) {
	exists := hash != ""
	if !exists {
		hash = p.unknown
	}
	h, err := decodeHash(hash)
	if err != nil {
		return false, false, err
	}
	done, err := p.enter(ctx)
	if err != nil {
		return false, false, err
	}
	defer done()
	size := uint32(len(h.key))
	key := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.threads, size)
	right = subtle.ConstantTimeCompare(key, h.key) == 1 && exists
	current := h.memory == hashMemory && h.time == hashTime && h.threads == hashThreads && len(h.key) == hashKey
	return right, right && !current, nil
}

// enter waits for one of the few places.
func (p *Passwords) enter(ctx context.Context) (leave func(), err error) {
	if ctx.Err() != nil {
		return nil, fmt.Errorf("hash a password: %w", context.Cause(ctx))
	}
	select {
	case p.running <- struct{}{}:
		return func() { <-p.running }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("hash a password: %w", context.Cause(ctx))
	}
}

// passwordHash is a hash with its parameters.
type passwordHash struct {
	memory, time uint32
	threads      uint8
	salt, key    []byte
}

func encodeHash(salt, key []byte) string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashThreads,
		b64.EncodeToString(salt), b64.EncodeToString(key))
}

// errHash means that the database has another form of hash. The text does not repeat it.
var errHash = errors.New("the hash of a password is invalid: want $argon2id$v=19$m=...,t=...,p=...$SALT$KEY")

func decodeHash(text string) (passwordHash, error) {
	parts := strings.Split(text, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return passwordHash{}, errHash
	}
	var h passwordHash
	if n, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.threads); err != nil || n != 3 {
		return passwordHash{}, errHash
	}
	var saltErr, keyErr error
	h.salt, saltErr = base64.RawStdEncoding.DecodeString(parts[4])
	h.key, keyErr = base64.RawStdEncoding.DecodeString(parts[5])
	// A wrong row must not take all memory, or all time.
	if saltErr != nil || keyErr != nil || len(h.salt) < 8 || len(h.key) < 16 || len(h.key) > 64 ||
		h.time < 1 || h.time > 100 || h.threads < 1 || h.memory < 1 || h.memory > 1<<20 {
		return passwordHash{}, errHash
	}
	return h, nil
}
