package connections

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"

	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
)

// Keyset is a set of keys for AES256-GCM, in the form of the library Tink. New secrets
// are sealed with its primary key; the others open what was sealed before. It is not to
// be logged: printed by fmt or slog it shows how many keys there are.
type Keyset struct {
	handle *keyset.Handle
}

// Key says what may be known of a key.
type Key struct {
	// ID is what sealed secrets name it by.
	ID uint32 `json:"id"`
	// Primary says that new secrets are sealed with it.
	Primary bool `json:"primary"`
	// Enabled says that it can be used at all.
	Enabled bool `json:"enabled"`
}

// NewKeyset makes a key set with one key.
func NewKeyset() (*Keyset, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &Keyset{handle: handle}, nil
}

// errNotKeyset tells nothing of the text, which may be key material in another form.
var errNotKeyset = errors.New("this is not a key set: want what `sluice keyset create` writes, " +
	"a Tink key set for AEAD as JSON")

// ParseKeyset reads a key set as JSON writes it.
func ParseKeyset(text []byte) (*Keyset, error) {
	handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(text)))
	if err != nil {
		return nil, errNotKeyset
	}
	if _, err := aead.New(handle); err != nil {
		return nil, errNotKeyset
	}
	return &Keyset{handle: handle}, nil
}

// JSON returns the key set in clear: whoever has it can open every secret.
func (k *Keyset) JSON() ([]byte, error) {
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&out)); err != nil {
		return nil, fmt.Errorf("write the key set: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Rotated returns the key set with a new primary key beside those that it has.
func (k *Keyset) Rotated() (*Keyset, error) {
	manager := keyset.NewManagerFromHandle(k.handle)
	id, err := manager.Add(aead.AES256GCMKeyTemplate())
	if err == nil {
		err = manager.SetPrimary(id)
	}
	if err != nil {
		return nil, fmt.Errorf("add a key: %w", err)
	}
	handle, err := manager.Handle()
	if err != nil {
		return nil, fmt.Errorf("add a key: %w", err)
	}
	return &Keyset{handle: handle}, nil
}

// Keys returns all keys, the oldest first.
func (k *Keyset) Keys() []Key {
	keys := make([]Key, 0, k.handle.Len())
	for i := range k.handle.Len() {
		entry, err := k.handle.Entry(i)
		if err != nil {
			// Entry fails for numbers of no key only.
			continue
		}
		keys = append(keys, Key{
			ID: entry.KeyID(), Primary: entry.IsPrimary(), Enabled: entry.KeyStatus() == keyset.Enabled,
		})
	}
	return keys
}

// Primary returns the ID of the key that new secrets are sealed with.
func (k *Keyset) Primary() (uint32, error) {
	entry, err := k.handle.Primary()
	if err != nil {
		return 0, fmt.Errorf("find the primary key: %w", err)
	}
	return entry.KeyID(), nil
}

// String tells how many keys there are.
func (k *Keyset) String() string { return fmt.Sprintf("key set of %d keys", k.handle.Len()) }

// GoString is String, for %#v.
func (k *Keyset) GoString() string { return k.String() }

// LogValue is String, for slog.
func (k *Keyset) LogValue() slog.Value { return slog.StringValue(k.String()) }
