package connections

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"

	"github.com/tink-crypto/tink-go/v2/aead"
)

// Errors of a Vault.
var (
	// ErrNoKeyset means that no key set is configured, or that its file is missing.
	ErrNoKeyset = errors.New("no key set for the secrets of connections: create one with " +
		"`sluice keyset create --out FILE` and set connections.keyset_file (SLUICE_CONNECTIONS_KEYSET_FILE) to it, " +
		"also for the worker")
	// ErrUnknownKey means that the key set lacks the key that sealed the secrets.
	ErrUnknownKey = errors.New("the key set lacks the key")
	// ErrSealBroken means that sealed secrets were altered, or copied from another
	// connection.
	ErrSealBroken = errors.New("the sealed secrets are corrupt, or belong to another connection")
)

// VaultConfig configures the source of the key set. Without a field there is no key set.
type VaultConfig struct {
	// Keyset is the key set as JSON. It is a secret.
	Keyset string
	// KeysetFile is the path of a file with the key set, used if Keyset is empty.
	KeysetFile string
}

// Vault seals and opens secrets. It reads the key set for every use, so that a rotated file
// needs no restart. It is safe for concurrent use.
type Vault struct {
	cfg VaultConfig
}

// NewVault returns a vault without I/O. Everything except secrets works without a key set.
func NewVault(cfg VaultConfig) *Vault { return &Vault{cfg: cfg} }

// Sealed holds encrypted secrets.
type Sealed struct {
	// KeyID identifies the key that sealed them.
	KeyID uint32
	// Data is the ciphertext.
	Data []byte
}

// Keyset returns the key set, or ErrNoKeyset if none is configured.
func (v *Vault) Keyset() (*Keyset, error) {
	switch {
	case v == nil || v.cfg == VaultConfig{}:
		return nil, ErrNoKeyset
	case v.cfg.Keyset != "":
		k, err := ParseKeyset([]byte(v.cfg.Keyset))
		if err != nil {
			return nil, fmt.Errorf("connections.keyset: %w", err)
		}
		return k, nil
	}
	k, err := ReadKeysetFile(v.cfg.KeysetFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w (%w)", ErrNoKeyset, err)
	}
	return k, err
}

// Seal encrypts secrets for the connection with the kind and the name.
func (v *Vault) Seal(kind, name string, secrets map[string]string) (Sealed, error) {
	k, err := v.Keyset()
	if err != nil {
		return Sealed{}, err
	}
	id, err := k.Primary()
	if err != nil {
		return Sealed{}, err
	}
	cipher, err := aead.New(k.handle)
	if err != nil {
		return Sealed{}, fmt.Errorf("use the key set: %w", err)
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return Sealed{}, fmt.Errorf("encode secrets: %w", err)
	}
	data, err := cipher.Encrypt(text, boundTo(kind, name))
	if err != nil {
		return Sealed{}, fmt.Errorf("seal secrets: %w", err)
	}
	return Sealed{KeyID: id, Data: data}, nil
}

// Open decrypts secrets sealed for the connection with the kind and the name. It returns
// ErrNoKeyset, ErrUnknownKey or ErrSealBroken.
func (v *Vault) Open(kind, name string, sealed Sealed) (map[string]string, error) {
	k, err := v.Keyset()
	if err != nil {
		return nil, err
	}
	has := func(key Key) bool { return key.ID == sealed.KeyID && key.Enabled }
	if !slices.ContainsFunc(k.Keys(), has) {
		return nil, fmt.Errorf("%w %d: restore a key set that has it, or add the connection again with --replace",
			ErrUnknownKey, sealed.KeyID)
	}
	cipher, err := aead.New(k.handle)
	if err != nil {
		return nil, fmt.Errorf("use the key set: %w", err)
	}
	text, err := cipher.Decrypt(sealed.Data, boundTo(kind, name))
	if err != nil {
		return nil, ErrSealBroken
	}
	var secrets map[string]string
	if json.Unmarshal(text, &secrets) != nil {
		return nil, ErrSealBroken
	}
	return secrets, nil
}

// boundTo returns the associated data: a ciphertext copied to another row cannot be
// decrypted. Neither kind nor name contains a slash.
func boundTo(kind, name string) []byte { return []byte("sluice/connection/v1/" + kind + "/" + name) }

// String reveals nothing about the key set.
func (v *Vault) String() string { return "vault" }

// GoString is String, for %#v.
func (v *Vault) GoString() string { return v.String() }

// LogValue is String, for slog.
func (v *Vault) LogValue() slog.Value { return slog.StringValue(v.String()) }
