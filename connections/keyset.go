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

// Keyset is a set of keys for AES256-GCM, in the format of the library Tink. The primary key
// seals new secrets; the other keys open secrets sealed earlier. fmt and slog print only the
// number of keys.
type Keyset struct {
	handle *keyset.Handle
}

// Key describes a key without its material.
type Key struct {
	// ID identifies the key in sealed secrets.
	ID uint32 `json:"id"`
	// Primary reports that the key seals new secrets.
	Primary bool `json:"primary"`
	// Enabled reports that the key can be used.
	Enabled bool `json:"enabled"`
}

// NewKeyset creates a key set with one key.
func NewKeyset() (*Keyset, error) {
	handle, err := keyset.NewHandle(aead.AES256GCMKeyTemplate())
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &Keyset{handle: handle}, nil
}

// errNotKeyset does not quote the text, which may be key material in another format.
var errNotKeyset = errors.New("this is not a key set: want what `sluice keyset create` writes, " +
	"a Tink key set for AEAD as JSON")

// ParseKeyset parses the result of Keyset.JSON.
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

// JSON returns the unencrypted key set, which can open every secret.
func (k *Keyset) JSON() ([]byte, error) {
	var out bytes.Buffer
	if err := insecurecleartextkeyset.Write(k.handle, keyset.NewJSONWriter(&out)); err != nil {
		return nil, fmt.Errorf("write the key set: %w", err)
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// Rotated returns the key set with an additional, primary key.
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
			// Entry fails only for an index out of range.
			continue
		}
		keys = append(keys, Key{
			ID: entry.KeyID(), Primary: entry.IsPrimary(), Enabled: entry.KeyStatus() == keyset.Enabled,
		})
	}
	return keys
}

// Primary returns the ID of the primary key.
func (k *Keyset) Primary() (uint32, error) {
	entry, err := k.handle.Primary()
	if err != nil {
		return 0, fmt.Errorf("find the primary key: %w", err)
	}
	return entry.KeyID(), nil
}

// String returns the number of keys.
func (k *Keyset) String() string { return fmt.Sprintf("key set of %d keys", k.handle.Len()) }

// GoString is String, for %#v.
func (k *Keyset) GoString() string { return k.String() }

// LogValue is String, for slog.
func (k *Keyset) LogValue() slog.Value { return slog.StringValue(k.String()) }
