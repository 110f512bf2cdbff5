package connections

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// List returns all connections, sorted by name.
func (c *Connections) List(ctx context.Context) ([]Info, error) {
	rows, err := c.Store.ListConnections(ctx)
	if err != nil {
		return nil, fmt.Errorf("list connections: %w", err)
	}
	unhealthy, err := c.Store.Unhealthy(ctx)
	if err != nil {
		return nil, err
	}
	byName := make(map[string]deliverystore.Health, len(unhealthy))
	for _, h := range unhealthy {
		byName[h.Connection] = h
	}
	all := make([]Info, 0, len(rows)+len(c.BuiltIn))
	for _, b := range c.BuiltIn {
		all = append(all, b.info())
	}
	for _, row := range rows {
		all = append(all, c.info(row))
	}
	slices.SortFunc(all, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	uses, err := c.Store.ConnectionUses(ctx, "")
	if err != nil {
		return nil, err
	}
	for i := range all {
		all[i].Health = HealthAt(byName[all[i].Name], time.Now())
		all[i].UsedBy = append([]store.ConnectionUse{}, uses[all[i].Name]...)
	}
	return all, nil
}

// Show returns the named connection, or ErrNotFound.
func (c *Connections) Show(ctx context.Context, name string) (Info, error) {
	var info Info
	if b, ok := c.builtIn(name); ok {
		info = b.info()
	} else {
		row, err := c.row(ctx, name)
		if err != nil {
			return Info{}, err
		}
		info = c.info(row)
	}
	health, err := c.Store.Health(ctx, name)
	if err != nil {
		return Info{}, err
	}
	info.Health = HealthAt(health, time.Now())
	uses, err := c.Store.ConnectionUses(ctx, name)
	info.UsedBy = append([]store.ConnectionUse{}, uses[name]...)
	return info, err
}

// Remove removes a connection. Unless forced, it returns store.ErrInUse while an unfinished
// import, a sync, a schedule, an undelivered job or a current flow names it. It returns ErrNotFound if the
// connection does not exist.
func (c *Connections) Remove(ctx context.Context, name string, force bool) error {
	if name == Notify {
		return errNotify
	}
	if err := CheckName(name); err != nil {
		return err
	}
	err := c.audited(ctx, "connection.remove", name, func(ctx context.Context) error {
		return c.Store.RemoveConnection(ctx, name, force)
	})
	return notFound(err, name)
}

// Rotate seals the secrets of a connection with the primary key. It returns false if the
// primary key has sealed them already. It returns the errors of Open, and store.ErrConflict
// after a concurrent change of the connection.
func (c *Connections) Rotate(ctx context.Context, name string) (changed bool, err error) {
	if name == Notify {
		return false, errNotify
	}
	row, err := c.row(ctx, name)
	if err != nil {
		return false, err
	}
	keys, err := c.Vault.Keyset()
	if err != nil {
		return false, err
	}
	primary, err := keys.Primary()
	if err != nil {
		return false, err
	}
	sealed := sealedOf(row)
	if sealed.KeyID == primary {
		return false, nil
	}
	if err := c.checkKeyset(ctx); err != nil {
		return false, err
	}
	secrets, err := c.Vault.Open(row.Kind, row.Name, sealed)
	if err != nil {
		return false, fmt.Errorf("open connection %s: %w", name, err)
	}
	if sealed, err = c.Vault.Seal(row.Kind, row.Name, secrets); err != nil {
		return false, err
	}
	row.Sealed, row.KeyID = sealed.Data, int64(sealed.KeyID)
	err = c.audited(ctx, "connection.rotate", name, func(ctx context.Context) error {
		_, err := c.Store.ReplaceConnection(ctx, row)
		return err
	})
	if err != nil {
		return false, notFound(err, name)
	}
	return true, nil
}

// RotateAll rotates every connection and returns the number of changed ones. It continues
// after an error and joins the errors of all connections.
func (c *Connections) RotateAll(ctx context.Context) (changed int, err error) {
	rows, err := c.Store.ListConnections(ctx)
	if err != nil {
		return 0, fmt.Errorf("list connections: %w", err)
	}
	var faults []error
	for _, row := range rows {
		switch done, err := c.Rotate(ctx, row.Name); {
		case errors.Is(err, ErrNotFound):
			// A concurrent call has removed the connection.
		case err != nil:
			faults = append(faults, err)
		case done:
			changed++
		}
	}
	if len(faults) > 0 || len(rows) == 0 {
		return changed, errors.Join(faults...)
	}
	// Register the primary key, so that older keys can be removed from the key set.
	return changed, c.sealKeyset(ctx)
}

// info describes a row without its secrets.
func (c *Connections) info(row store.Connection) Info {
	sealed := sealedOf(row)
	return Info{
		Name: row.Name, Kind: row.Kind, Settings: row.Settings, Secrets: row.SecretNames,
		KeyID: sealed.KeyID, KeyStatus: c.keyStatus(sealed.KeyID),
		Version: row.Version, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt,
	}
}

func (c *Connections) keyStatus(id uint32) KeyStatus {
	keys, err := c.Vault.Keyset()
	if err != nil {
		// Listing connections works without a key set; opening one returns the error.
		return KeyUnknown
	}
	for _, key := range keys.Keys() {
		switch {
		case key.ID != id:
		case key.Primary:
			return KeyPrimary
		case key.Enabled:
			return KeyOld
		}
	}
	return KeyMissing
}
