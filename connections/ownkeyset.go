package connections

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/store"
)

// ErrOtherKeyset means that the key set is not the store's key set. Workers could not open
// secrets that it seals.
var ErrOtherKeyset = errors.New("the key set is not the one of this store")

// The name for the text that identifies the store's key set; it is invalid for connections.
const (
	ownKind = "#keyset"
	ownName = "store"
)

// checkKeyset returns an error if the key set is not the store's. The first key set in use
// becomes the store's.
func (c *Connections) checkKeyset(ctx context.Context) error {
	row, err := c.Store.ConnectionKeyset(ctx)
	if errors.Is(err, store.ErrNotFound) {
		if err := c.firstKeyset(ctx); err != nil {
			return err
		}
		row, err = c.Store.ConnectionKeyset(ctx)
	}
	if err != nil {
		return fmt.Errorf("check the key set: %w", err)
	}
	_, err = c.Vault.Open(ownKind, ownName, sealedOf(store.Connection{KeyID: row.KeyID, Sealed: row.Sealed}))
	if errors.Is(err, ErrUnknownKey) || errors.Is(err, ErrSealBroken) {
		return fmt.Errorf("%w, whose key %d seals its secrets: use the key set of the workers "+
			"(connections.keyset_file, SLUICE_CONNECTIONS_KEYSET_FILE); if it is lost, `sluice keyset adopt` makes this "+
			"one the store's", ErrOtherKeyset, row.KeyID)
	}
	return err
}

// firstKeyset registers the key set with the store, unless another one has sealed secrets.
func (c *Connections) firstKeyset(ctx context.Context) error {
	rows, err := c.Store.ListConnections(ctx)
	if err != nil {
		return fmt.Errorf("list connections: %w", err)
	}
	for _, row := range rows {
		if _, err := c.Vault.Open(row.Kind, row.Name, sealedOf(row)); err != nil {
			return fmt.Errorf("%w, because it does not open connection %s: %w", ErrOtherKeyset, row.Name, err)
		}
	}
	sealed, err := c.Vault.Seal(ownKind, ownName, nil)
	if err != nil {
		return err
	}
	return c.Store.RememberKeyset(ctx, int64(sealed.KeyID), sealed.Data)
}

// AdoptKeyset registers the key set with the store after the loss of the previous one. It
// returns the names of the connections that the key set cannot open: replace them, or restore
// the previous key set. It returns ErrNoKeyset without a key set.
func (c *Connections) AdoptKeyset(ctx context.Context) (closed []string, err error) {
	err = c.Store.Audited(ctx, store.AuditEntry{Operation: "keyset.adopt", SubjectType: "keyset"}, c.sealKeyset)
	if err != nil {
		return nil, err
	}
	rows, err := c.Store.ListConnections(ctx)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	closed = []string{}
	for _, row := range rows {
		if _, err := c.Vault.Open(row.Kind, row.Name, sealedOf(row)); err != nil {
			closed = append(closed, row.Name)
		}
	}
	return closed, nil
}

// sealKeyset stores a text sealed with the primary key, which identifies the key set.
func (c *Connections) sealKeyset(ctx context.Context) error {
	sealed, err := c.Vault.Seal(ownKind, ownName, nil)
	if err != nil {
		return err
	}
	return c.Store.ReplaceKeyset(ctx, int64(sealed.KeyID), sealed.Data)
}

// Seal encrypts secrets that are not a connection's, and binds them to a kind, which must be invalid for
// connections, and a name. The errors are ErrNoKeyset, and ErrOtherKeyset if the key set is not the store's.
func (c *Connections) Seal(ctx context.Context, kind, name string, secrets map[string]string) (Sealed, error) {
	if err := c.checkKeyset(ctx); err != nil {
		return Sealed{}, err
	}
	return c.Vault.Seal(kind, name, secrets)
}

// Unseal decrypts the secrets of Seal. The errors are those of Vault.Open.
func (c *Connections) Unseal(kind, name string, sealed Sealed) (map[string]string, error) {
	return c.Vault.Open(kind, name, sealed)
}

// PrimaryKey returns the ID of the key that seals, or ErrNoKeyset.
func (c *Connections) PrimaryKey() (uint32, error) {
	keys, err := c.Vault.Keyset()
	if err != nil {
		return 0, err
	}
	return keys.Primary()
}
