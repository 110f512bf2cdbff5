package connections

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Connections is the service for connections. It is safe for concurrent use.
type Connections struct {
	// Store holds the connections with sealed secrets. Required.
	Store *deliverystore.Store
	// Vault holds the key set. Defaults to none: secrets can be neither sealed nor opened.
	Vault *Vault
	// Registry holds the kinds. Required for Add, Replace and Test.
	Registry *Registry
	// BuiltIn are connections from the configuration. They need no key set, and commands cannot
	// change them. Defaults to none.
	BuiltIn []Connection
}

var _ Opener = (*Connections)(nil)

// New describes a connection to add or to replace.
type New struct {
	// Name is the connection's name: 1 to 63 lower-case letters, digits, dashes and
	// underscores, beginning with a letter or a digit.
	Name string
	// Kind is the name of its kind.
	Kind string
	// Settings is a JSON object; empty counts as {}.
	Settings json.RawMessage
	// Secrets maps names to secrets.
	Secrets map[string]string
	// KeepSecrets makes Replace keep the secrets that Secrets leaves out. Add ignores it.
	KeepSecrets bool
}

// String returns name and kind without secrets.
func (n New) String() string { return n.Kind + " connection " + n.Name }

// GoString is String, for %#v.
func (n New) GoString() string { return n.String() }

// LogValue is String, for slog.
func (n New) LogValue() slog.Value { return slog.StringValue(n.String()) }

// MarshalJSON encodes name and kind only.
func (n New) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{"name": n.Name, "kind": n.Kind})
}

// KeyStatus is the relation of a connection's key to the key set.
type KeyStatus string

// The statuses of a key.
const (
	// KeyPrimary is the primary key, which seals new secrets.
	KeyPrimary KeyStatus = "primary"
	// KeyOld is another key of the key set: rotate the connection.
	KeyOld KeyStatus = "old"
	// KeyMissing is a key outside the key set: the connection cannot be opened.
	KeyMissing KeyStatus = "missing"
	// KeyUnknown means that no key set is configured.
	KeyUnknown KeyStatus = "unknown"
	// KeyNone means that no key is needed: the connection is built in.
	KeyNone KeyStatus = "none"
)

// Info describes a connection without its secrets.
type Info struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	Settings json.RawMessage `json:"settings"`
	// Secrets lists the names of the secrets that are set, sorted.
	Secrets []string `json:"secrets"`
	// KeyID identifies the key that sealed the secrets.
	KeyID     uint32    `json:"key_id"`
	KeyStatus KeyStatus `json:"key_status"`
	// Version increases with every change.
	Version   int64     `json:"version"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Health is the health of the connection. Only List and Show set it.
	Health Health `json:"health"`
	// UsedBy lists what names the connection. Only List and Show set it.
	UsedBy []store.ConnectionUse `json:"used_by"`
	// BuiltIn reports that the connection comes from the configuration: it has neither key, version
	// nor times.
	BuiltIn bool `json:"built_in"`
}

// MaxSecret is the size limit of a secret, in bytes.
const MaxSecret = 64 << 10

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// CheckName returns ErrInvalid if the text is not a valid name of a connection.
func CheckName(name string) error {
	if !validName.MatchString(name) {
		return invalid{fmt.Errorf("%.80q is not the name of a connection: want 1 to 63 lower-case letters, digits, "+
			"dashes and underscores, with a letter or digit first", name)}
	}
	return nil
}

// Add adds a connection. It returns store.ErrTaken if the name is in use, ErrNoKeyset
// without a key set, and ErrOtherKeyset if the key set is not the store's.
func (c *Connections) Add(ctx context.Context, n New) (Info, error) {
	settings, sealed, err := c.prepare(ctx, n)
	if err != nil {
		return Info{}, err
	}
	var row store.Connection
	err = c.audited(ctx, "connection.add", n.Name, func(ctx context.Context) error {
		row, err = c.Store.AddConnection(ctx, store.NewConnection{
			Name: n.Name, Kind: n.Kind, Settings: settings, SecretNames: secretNames(n.Secrets),
			Sealed: sealed.Data, KeyID: int64(sealed.KeyID),
		})
		return err
	})
	if err != nil {
		return Info{}, err
	}
	return c.info(row), nil
}

// audited makes a change of a connection and records it in the audit.
func (c *Connections) audited(
	ctx context.Context, operation, name string, change func(ctx context.Context) error,
) error {
	return c.Store.Audited(ctx, store.AuditEntry{Operation: operation, SubjectType: "connection", SubjectID: name}, change)
}

// Replace replaces all settings and secrets of a connection whose version is the given one.
// Omitted settings and secrets are removed, secrets unless KeepSecrets is set. It returns
// ErrNotFound if the connection does not exist, store.ErrConflict if its version has changed,
// and with KeepSecrets the errors of Open.
func (c *Connections) Replace(ctx context.Context, n New, version int64) (Info, error) {
	if n.Name == Notify {
		return Info{}, errNotify
	}
	row, err := c.row(ctx, n.Name)
	if err != nil {
		return Info{}, err
	}
	if row.Kind != n.Kind {
		return Info{}, invalid{fmt.Errorf("connection %s is of kind %s: its kind cannot be changed", n.Name, row.Kind)}
	}
	if n.KeepSecrets {
		kept, err := c.Vault.Open(row.Kind, row.Name, sealedOf(row))
		if err != nil {
			return Info{}, fmt.Errorf("open connection %s: %w", n.Name, err)
		}
		if kept == nil {
			kept = map[string]string{}
		}
		maps.Copy(kept, n.Secrets)
		n.Secrets = kept
	}
	settings, sealed, err := c.prepare(ctx, n)
	if err != nil {
		return Info{}, err
	}
	row.Version, row.Settings, row.SecretNames = version, settings, secretNames(n.Secrets)
	row.Sealed, row.KeyID = sealed.Data, int64(sealed.KeyID)
	err = c.audited(ctx, "connection.replace", n.Name, func(ctx context.Context) error {
		row, err = c.Store.ReplaceConnection(ctx, row)
		return err
	})
	if err != nil {
		return Info{}, notFound(err, n.Name)
	}
	return c.info(row), nil
}

// SetSecrets replaces the given secrets of a connection; the others and the settings stay. It returns the errors of
// Open and Replace.
func (c *Connections) SetSecrets(ctx context.Context, name string, secrets map[string]string) (Info, error) {
	row, err := c.row(ctx, name)
	if err != nil {
		return Info{}, err
	}
	n := New{Name: row.Name, Kind: row.Kind, Settings: row.Settings, Secrets: secrets, KeepSecrets: true}
	return c.Replace(ctx, n, row.Version)
}

// Open returns the named connection with decrypted secrets. It returns ErrNotFound,
// ErrNoKeyset, ErrUnknownKey, ErrSealBroken or an error of the store.
func (c *Connections) Open(ctx context.Context, name string) (Connection, error) {
	if builtIn, ok := c.builtIn(name); ok {
		return builtIn, nil
	}
	row, err := c.row(ctx, name)
	if err != nil {
		return Connection{}, err
	}
	secrets, err := c.Vault.Open(row.Kind, row.Name, sealedOf(row))
	if err != nil {
		return Connection{}, fmt.Errorf("open connection %s: %w", name, err)
	}
	return Connection{Name: row.Name, Kind: row.Kind, Settings: row.Settings, Secrets: secrets}, nil
}

// prepare validates a connection, reports all errors at once, and seals its secrets.
func (c *Connections) prepare(ctx context.Context, n New) (json.RawMessage, Sealed, error) {
	if err := CheckName(n.Name); err != nil {
		return nil, Sealed{}, err
	}
	if n.Name == Notify {
		return nil, Sealed{}, errNotify
	}
	kind, err := c.Registry.Lookup(n.Kind)
	if err != nil {
		return nil, Sealed{}, invalid{err}
	}
	settings, err := kind.ParseSettings(n.Settings)
	if err != nil {
		err = fmt.Errorf("settings of %s: %w", n.Kind, err)
	}
	if err := errors.Join(err, checkSecrets(kind, n.Secrets)); err != nil {
		return nil, Sealed{}, invalid{err}
	}
	if err := c.checkKeyset(ctx); err != nil {
		return nil, Sealed{}, err
	}
	sealed, err := c.Vault.Seal(n.Kind, n.Name, n.Secrets)
	return settings, sealed, err
}

// invalid turns an error into an ErrInvalid without changing its text.
type invalid struct{ error }

// Unwrap returns the error itself.
func (i invalid) Unwrap() error { return i.error }

// Is matches ErrInvalid.
func (invalid) Is(target error) bool { return target == ErrInvalid }

// checkSecrets checks secrets against the specification of their kind. Errors do not quote
// an unknown name, which may be a misplaced secret.
func checkSecrets(kind Kind, secrets map[string]string) error {
	var faults []error
	var known []string
	for _, spec := range kind.Secrets() {
		known = append(known, spec.Name)
		value, given := secrets[spec.Name]
		switch {
		case !given && spec.Required:
			faults = append(faults, fmt.Errorf("the secret %s is missing: %s", spec.Name, spec.Description))
		case given && value == "":
			faults = append(faults, fmt.Errorf("the secret %s is empty", spec.Name))
		case len(value) > MaxSecret:
			faults = append(faults, fmt.Errorf("the secret %s has %d bytes: want at most %d", spec.Name, len(value), MaxSecret))
		case !utf8.ValidString(value):
			faults = append(faults, fmt.Errorf("the secret %s is not text in UTF-8", spec.Name))
		case given && spec.Check != nil:
			if err := spec.Check(value); err != nil {
				faults = append(faults, fmt.Errorf("the secret %s is malformed: %w", spec.Name, err))
			}
		}
	}
	for _, name := range secretNames(secrets) {
		if !slices.Contains(known, name) {
			faults = append(faults, unknownSecret(kind.Name(), known))
			break
		}
	}
	return errors.Join(faults...)
}

func unknownSecret(kind string, known []string) error {
	if len(known) == 0 {
		return fmt.Errorf("connections of kind %s have no secrets", kind)
	}
	return fmt.Errorf("unknown secret: those of %s are %s", kind, strings.Join(known, ", "))
}

func secretNames(secrets map[string]string) []string {
	names := make([]string, 0, len(secrets))
	for name := range secrets {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func sealedOf(row store.Connection) Sealed {
	if row.KeyID < 0 || row.KeyID > math.MaxUint32 {
		// A check constraint of the table prevents this.
		return Sealed{Data: row.Sealed}
	}
	return Sealed{KeyID: uint32(row.KeyID), Data: row.Sealed}
}

func (c *Connections) row(ctx context.Context, name string) (store.Connection, error) {
	if err := CheckName(name); err != nil {
		return store.Connection{}, err
	}
	if name == Notify {
		return store.Connection{}, fmt.Errorf("connection %s: %w: notify.smtp_host is empty", name, ErrNotFound)
	}
	row, err := c.Store.Connection(ctx, name)
	return row, notFound(err, name)
}

// notFound replaces the store's generic error by ErrNotFound.
func notFound(err error, name string) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("connection %s: %w", name, ErrNotFound)
	}
	return err
}
