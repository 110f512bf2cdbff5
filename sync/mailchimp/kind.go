package mailchimp

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/faults"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
)

// KindName is the name of the kind of connections to Mailchimp.
const KindName = "mailchimp"

// DefaultConnections is the default number of simultaneous connections of an account. Mailchimp allows
// MaxConnections over all programs that use the account: two are left to others.
const DefaultConnections = 8

// secretKey is the name of the secret.
const secretKey = "api_key"

// settings are those of a connection of this kind.
type settings struct {
	// Account names the account. Connections with the same name share its budget. Defaults to those with the same
	// API key.
	Account string `json:"account,omitempty" usage:"name of the account, whose budget its connections share"`
	// Connections is the number of simultaneous connections of the account, over all workers. Defaults to
	// DefaultConnections.
	Connections int `json:"connections,omitempty" default:"8" usage:"number of simultaneous connections of the account, over all workers"`
	// Endpoint replaces the base URL, for trials with a fake.
	Endpoint string `json:"endpoint,omitempty" usage:"base URL, for trials with a fake"`
	// SkipArchived omits archived members.
	SkipArchived bool `json:"skip_archived,omitempty" usage:"leave archived members out"`
}

// Kind is the kind of connections to Mailchimp accounts.
type Kind struct {
	// Guard restricts the addresses that are dialled.
	Guard outbound.Guard
}

var _ connections.Kind = Kind{}

// Name returns "mailchimp".
func (Kind) Name() string { return KindName }

// Label returns the name of the system.
func (Kind) Label() string { return "Mailchimp" }

// Settings describes the settings.
func (Kind) Settings() []connections.SettingSpec { return connections.SettingsOf(settings{}) }

// Secrets returns the API key.
func (Kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{{
		Name: secretKey, Required: true,
		Description: "API key with its data centre, such as ...-us21, from Account, Extras, API keys",
	}}
}

// ParseSettings checks {"account": "..", "connections": 8, "skip_archived": false, "endpoint": ".."}, all
// optional.
func (Kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	return connections.EncodeSettings(parseSettings(raw))
}

// maxAccount bounds the name of an account in bytes.
const maxAccount = 100

func parseSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return settings{}, err
	}
	var f faults.Faults
	f.Check(len(s.Account) <= maxAccount, "setting account: want at most %d bytes", maxAccount)
	f.Check(s.Connections >= 0 && s.Connections <= MaxConnections, "setting connections: want 1 to %d", MaxConnections)
	f.Check(s.Endpoint == "" || outbound.IsEndpoint(s.Endpoint),
		"setting endpoint: want an http or https URL without credentials, query and fragment")
	return s, f.Err()
}

// Test reads the lists of the account.
func (k Kind) Test(ctx context.Context, c connections.Connection) (connections.Report, error) {
	r, err := k.open(c, Config{Limiter: unlimited{}})
	if err != nil {
		return connections.Report{}, err
	}
	lists, err := r.Lists(ctx)
	if err != nil {
		return connections.Report{}, err
	}
	report := connections.Report{Lines: []string{fmt.Sprintf("lists visible: %d", len(lists))}}
	for _, l := range lists[:min(len(lists), connections.MaxReportLines-1)] {
		report.Lines = append(report.Lines, fmt.Sprintf("list %s, %d members", l.ID, l.Stats.Members))
	}
	return report, nil
}

// unlimited is the limiter of a test, which makes one request.
type unlimited struct{}

// Acquire returns at once.
func (unlimited) Acquire(context.Context, string) (release func(), err error) { return func() {}, nil }

// open returns a reader of a connection. cfg has what the connection does not know.
func (k Kind) open(c connections.Connection, cfg Config) (*Reader, error) {
	s, err := parseSettings(c.Settings)
	if err != nil {
		return nil, err
	}
	if cfg.Account == "" {
		cfg.Account = accountOf(c, s, nil)
	}
	cfg.Key, cfg.Guard = c.Secrets[secretKey], k.Guard
	cfg.Endpoint, cfg.SkipArchived = s.Endpoint, s.SkipArchived
	return New(cfg)
}

// accountOf returns the key of the account's budget. Without budgets, as for a test of the connection, it is any name.
func accountOf(c connections.Connection, s settings, b sync.Budgets) string {
	switch {
	case s.Account != "":
		return KindName + ":" + s.Account
	case b == nil:
		return KindName + ":" + c.Name
	default:
		return b.Account(KindName, s.Endpoint, c.Secrets[secretKey])
	}
}

// OpenReader opens a connection for list sync.
func (k Kind) OpenReader(c connections.Connection, o sync.SourceOptions, b sync.Budgets) (sync.Reader, error) {
	s, err := parseSettings(c.Settings)
	if err != nil {
		return nil, err
	}
	slots := cmp.Or(s.Connections, DefaultConnections)
	r, err := k.open(c, Config{
		Limiter: limiter{budgets: b, slots: slots}, PageSize: o.Items, Account: accountOf(c, s, b),
	})
	if err != nil {
		return nil, err
	}
	return Source{Reader: r}, nil
}

// FindsDeletions reports that a scan of the IDs finds members that were deleted permanently.
func (Kind) FindsDeletions() bool { return true }

// limiter takes connection slots from a budget.
type limiter struct {
	budgets sync.Budgets
	slots   int
}

// Acquire waits for a slot.
func (l limiter) Acquire(ctx context.Context, account string) (release func(), err error) {
	return l.budgets.Slot(ctx, account, l.slots)
}
