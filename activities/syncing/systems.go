package syncing

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/inbound"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/contact"
)

// ReaderKind is the ability of a kind of connections to be the source of a sync.
type ReaderKind interface {
	connections.Kind
	// OpenReader opens a connection. Pages have so many items.
	OpenReader(c connections.Connection, items int, b sync.Budgets) (sync.Reader, error)
}

// WriterKind is the ability of a kind of connections to be the target of a sync.
type WriterKind interface {
	connections.Kind
	// OpenWriter opens a connection. Requests have at most so many items.
	OpenWriter(c connections.Connection, items int, b sync.Budgets) (sync.Writer, error)
}

// Pair is the kinds of a sync.
type Pair struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// Pairs returns the pairs of kinds that syncs can have.
func Pairs(kinds *connections.Registry) []Pair {
	var pairs []Pair
	for _, from := range kinds.Names() {
		for _, to := range kinds.Names() {
			if _, _, err := lookup(kinds, Pair{From: from, To: to}); err == nil {
				pairs = append(pairs, Pair{From: from, To: to})
			}
		}
	}
	return pairs
}

func lookup(kinds *connections.Registry, p Pair) (ReaderKind, WriterKind, error) {
	from, err := kinds.Lookup(p.From)
	if err != nil {
		return nil, nil, err
	}
	to, err := kinds.Lookup(p.To)
	if err != nil {
		return nil, nil, err
	}
	reader, reads := from.(ReaderKind)
	writer, writes := to.(WriterKind)
	switch {
	case !reads:
		return nil, nil, fmt.Errorf("connections of kind %s cannot be read by a sync", p.From)
	case !writes:
		return nil, nil, fmt.Errorf("connections of kind %s cannot be written by a sync", p.To)
	default:
		return reader, writer, nil
	}
}

// CheckPair returns an error if the kinds cannot be those of a sync.
func CheckPair(kinds *connections.Registry, p Pair) error {
	_, _, err := lookup(kinds, p)
	return err
}

// Systems opens what syncs read and write.
type Systems struct {
	// Kinds, Connections and Budgets are required.
	Kinds       *connections.Registry
	Connections connections.Opener
	Budgets     sync.Budgets
}

// opened is what a run works with.
type opened struct {
	settings sync.Settings
	reader   sync.Reader
	writer   sync.Writer
	mapping  *sync.Mapping
}

// ParseSettings parses the settings of a sync, and returns them without defaults. Unknown settings are
// refused.
func ParseSettings(raw json.RawMessage) (sync.Settings, error) {
	var s sync.Settings
	subject := inbound.Subject{Object: "the settings", Plural: true, Field: "setting"}
	if err := inbound.Decode(subject, raw, &s); err != nil {
		return sync.Settings{}, err
	}
	return s, s.Validate()
}

// open opens both sides of a sync, with pages of so many items, 0 for those of the settings. Faults of settings
// and connections are permanent: a person corrects them.
func (s *Systems) open(ctx context.Context, row syncstore.Sync, items int) (*opened, error) {
	from, to, err := lookup(s.Kinds, Pair{From: row.FromKind, To: row.ToKind})
	if err != nil {
		return nil, permanent(err)
	}
	settings, err := ParseSettings(row.Settings)
	if err != nil {
		return nil, permanent(err)
	}
	o := &opened{settings: settings.WithDefaults()}
	source, err := s.connection(ctx, row.FromConnection, row.FromKind)
	if err != nil {
		return nil, err
	}
	target, err := s.connection(ctx, row.ToConnection, row.ToKind)
	if err != nil {
		return nil, err
	}
	if items == 0 {
		items = o.settings.ItemsPerRequest
	}
	if o.reader, err = from.OpenReader(source, items, s.Budgets); err != nil {
		return nil, permanent(fmt.Errorf("connection %s: %w", row.FromConnection, err))
	}
	if o.writer, err = to.OpenWriter(target, o.settings.ItemsPerRequest, s.Budgets); err != nil {
		return nil, permanent(fmt.Errorf("connection %s: %w", row.ToConnection, err))
	}
	o.mapping, err = contact.New(settings.Mapping, contact.Options{ListID: row.ListID, ForceOptIn: settings.ForceOptIn})
	if err != nil {
		return nil, permanent(err)
	}
	return o, nil
}

// connection opens a connection, which must have the kind of the sync.
func (s *Systems) connection(ctx context.Context, name, kind string) (connections.Connection, error) {
	c, err := s.Connections.Open(ctx, name)
	if err != nil {
		return connections.Connection{}, fmt.Errorf("open connection %s: %w", name, err)
	}
	if c.Kind != kind {
		return connections.Connection{}, permanent(fmt.Errorf("connection %s has the kind %s: want %s", name, c.Kind, kind))
	}
	return c, nil
}

// permanent marks an error that no retry changes.
func permanent(err error) error { return &sync.Error{Class: sync.ClassPermanent, Err: err} }
