package syncing

import (
	"cmp"
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
	// OpenReader opens a connection.
	OpenReader(c connections.Connection, o sync.SourceOptions, b sync.Budgets) (sync.Reader, error)
	// FindsDeletions reports whether the readers are of type sync.Scanner.
	FindsDeletions() bool
}

// WriterKind is the ability of a kind of connections to be the target of a sync.
type WriterKind interface {
	connections.Kind
	// OpenWriter opens a connection.
	OpenWriter(c connections.Connection, o sync.TargetOptions, b sync.Budgets) (sync.Writer, error)
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

// CheckPair returns an error if the kinds cannot be those of a sync with some settings: deletions can be opted out only
// if they can be found in the source.
func CheckPair(kinds *connections.Registry, p Pair, s sync.Settings) error {
	from, _, err := lookup(kinds, p)
	if err != nil || s.Deletions != sync.DeletionsOptOut || from.FindsDeletions() {
		return err
	}
	return fmt.Errorf("deletions optout: connections of kind %s cannot list the IDs of their records, which finds "+
		"deletions: want ignore", p.From)
}

// Systems opens what syncs read and write.
type Systems struct {
	// Kinds, Connections and Budgets are required.
	Kinds       *connections.Registry
	Connections connections.Opener
	Budgets     *Budgets
}

// opened is what a run works with.
type opened struct {
	settings sync.Settings
	reader   sync.Reader
	writer   sync.Writer
	mapping  *sync.Mapping
}

// close closes the connections that wait for further requests: each activity opens its own.
func (o *opened) close() {
	for _, system := range []any{o.reader, o.writer} {
		if idle, ok := system.(interface{ CloseIdleConnections() }); ok {
			idle.CloseIdleConnections()
		}
	}
}

// scanner returns the reader if the sync is to find deletions, else nil.
func (o *opened) scanner() sync.Scanner {
	scanner, ok := o.reader.(sync.Scanner)
	if !ok || o.settings.Deletions == sync.DeletionsIgnore {
		return nil
	}
	return scanner
}

// needsIDs reports whether the IDs of delivered records are needed after their page: by a scan for deletions, by a
// search for records that the target rejected later, or to compare a full load with the counts of the source.
func (o *opened) needsIDs(full bool) bool {
	_, counts := o.reader.(sync.Counter)
	_, audits := o.writer.(sync.Auditor)
	return o.scanner() != nil || audits || counts && full
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
	if err := s.Budgets.Load(ctx); err != nil {
		return nil, err
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
	items = cmp.Or(items, o.settings.ItemsPerRequest)
	reading := sync.SourceOptions{
		Items: items, Key: settings.KeyColumn, Cursor: settings.CursorColumn, Query: settings.Query,
	}
	if o.reader, err = from.OpenReader(source, reading, s.Budgets); err != nil {
		return nil, permanent(fmt.Errorf("connection %s: %w", row.FromConnection, err))
	}
	writing := sync.TargetOptions{
		Items: o.settings.ItemsPerRequest, Table: settings.TargetTable, Key: settings.TargetKey,
	}
	if o.writer, err = to.OpenWriter(target, writing, s.Budgets); err != nil {
		return nil, permanent(fmt.Errorf("connection %s: %w", row.ToConnection, err))
	}
	if err := CheckPair(s.Kinds, Pair{From: row.FromKind, To: row.ToKind}, settings); err != nil {
		return nil, permanent(err)
	}
	o.settings.Deletions = settings.DeletionsOf(o.reader, o.writer)
	if o.mapping, err = mappingOf(row, settings, o.writer); err != nil {
		return nil, permanent(err)
	}
	return o, nil
}

// mappingOf returns the mapping of a sync. Opt-in rules hold for targets that have consents; other targets get the
// records as they are by default.
func mappingOf(row syncstore.Sync, settings sync.Settings, w sync.Writer) (*sync.Mapping, error) {
	if _, consents := w.(sync.Holder); consents {
		if settings.Mapping == nil && row.FromKind != contact.SourceKind {
			return nil, fmt.Errorf("mapping: want one of the records of %s, because %s has a default mapping for %s only",
				row.FromKind, row.ToKind, contact.SourceKind)
		}
		return contact.New(settings.Mapping, contact.Options{ListID: row.ListID, ForceOptIn: settings.ForceOptIn})
	}
	if settings.Mapping == nil {
		return sync.Identity(), nil
	}
	mapping, err := sync.NewMapping(settings.Mapping)
	if err != nil {
		return nil, err
	}
	return mapping.With(map[string]any{"list_id": row.ListID, "force_optin": settings.ForceOptIn}), nil
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
