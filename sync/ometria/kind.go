package ometria

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/faults"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
)

// KindName is the name of the kind of connections to Ometria.
const KindName = "ometria"

// secretKey is the name of the secret.
const secretKey = "api_key"

// settings are those of a connection of this kind.
type settings struct {
	// Account names the account. Connections with the same name share its budget. Defaults to those with the same
	// API key.
	Account string `json:"account,omitempty" usage:"name of the account, whose budget its connections share"`
	// RequestsPerSecond is the rate of the account, over all workers. Defaults to MaxRequestsPerSecond;
	// older contracts have 4.
	RequestsPerSecond float64 `json:"requests_per_second,omitempty" default:"8" usage:"requests a second of the account, over all workers"`
	// ValidationSeconds is how long a search for rejected records waits for the validation of the records that it
	// has sent. Defaults to DefaultValidationSeconds.
	ValidationSeconds float64 `json:"validation_seconds,omitempty" default:"15" usage:"how long a search for rejected records waits for their validation"`
	// Endpoint replaces the base URL, for trials with a fake.
	Endpoint string `json:"endpoint,omitempty" usage:"base URL, for trials with a fake"`
}

// DefaultValidationSeconds is how long the asynchronous validation of a record takes: the API documents no time.
const DefaultValidationSeconds = 15

// maxRate bounds requests_per_second, maxValidation validation_seconds, maxAccount the name of an account in bytes.
const (
	maxRate       = 1000
	maxValidation = 600
	maxAccount    = 100
)

// Kind is the kind of connections to Ometria accounts.
type Kind struct {
	// Guard restricts the addresses that are dialled.
	Guard outbound.Guard
}

var _ connections.Kind = Kind{}

// Name returns "ometria".
func (Kind) Name() string { return KindName }

// Label returns the name of the system.
func (Kind) Label() string { return "Ometria" }

// Settings describes the settings.
func (Kind) Settings() []connections.SettingSpec { return connections.SettingsOf(settings{}) }

// Secrets returns the API key.
func (Kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{{
		Name: secretKey, Required: true, Description: "API key of the Data API, from Settings, API access",
	}}
}

// ParseSettings checks {"account": "..", "requests_per_second": 8, "validation_seconds": 15, "endpoint": ".."}, all
// optional.
func (Kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	return connections.EncodeSettings(parseSettings(raw))
}

func parseSettings(raw json.RawMessage) (settings, error) {
	var s settings
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return settings{}, err
	}
	var f faults.Faults
	f.Check(len(s.Account) <= maxAccount, "setting account: want at most %d bytes", maxAccount)
	f.Check(s.RequestsPerSecond >= 0 && s.RequestsPerSecond <= maxRate,
		"setting requests_per_second: want a number up to %d", maxRate)
	f.Check(s.ValidationSeconds >= 0 && s.ValidationSeconds <= maxValidation,
		"setting validation_seconds: want a number up to %d", maxValidation)
	f.Check(s.Endpoint == "" || outbound.IsEndpoint(s.Endpoint),
		"setting endpoint: want an http or https URL without credentials, query and fragment")
	return s, f.Err()
}

// Test reads the latest push errors, which needs the key and changes nothing.
func (k Kind) Test(ctx context.Context, c connections.Connection) (connections.Report, error) {
	w, err := k.open(c, Config{Limiter: unlimited{}})
	if err != nil {
		return connections.Report{}, err
	}
	all, err := w.AsyncErrors(ctx)
	if err != nil {
		return connections.Report{}, err
	}
	return connections.Report{Lines: []string{"key accepted", fmt.Sprintf("push errors listed: %d", len(all))}}, nil
}

// unlimited is the limiter of a test, which makes one request.
type unlimited struct{}

// Wait returns at once.
func (unlimited) Wait(context.Context, string) error { return nil }

// open returns a writer of a connection. cfg has what the connection does not know.
func (k Kind) open(c connections.Connection, cfg Config) (*Writer, error) {
	s, err := parseSettings(c.Settings)
	if err != nil {
		return nil, err
	}
	if cfg.Connection == "" {
		cfg.Connection = accountOf(c, s, nil)
	}
	cfg.Key, cfg.Guard, cfg.Endpoint = c.Secrets[secretKey], k.Guard, s.Endpoint
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

// OpenWriter opens a connection for list sync.
func (k Kind) OpenWriter(c connections.Connection, o sync.TargetOptions, b sync.Budgets) (sync.Writer, error) {
	s, err := parseSettings(c.Settings)
	if err != nil {
		return nil, err
	}
	rate := cmp.Or(s.RequestsPerSecond, MaxRequestsPerSecond)
	account := accountOf(c, s, b)
	w, err := k.open(c, Config{
		Limiter: limiter{budgets: b, rate: rate}, RecordsPerRequest: o.Items, Connection: account,
	})
	if err != nil {
		return nil, err
	}
	t := Target{Writer: w, budgets: b, account: account, settle: DefaultValidationSeconds * time.Second}
	if s.ValidationSeconds > 0 {
		t.settle = time.Duration(s.ValidationSeconds * float64(time.Second))
	}
	return t, nil
}

// limiter takes requests from a budget.
type limiter struct {
	budgets sync.Budgets
	rate    float64
}

// Wait waits for the time of a request.
func (l limiter) Wait(ctx context.Context, account string) error {
	return l.budgets.Request(ctx, account, l.rate)
}

// Back-pressure of the account's queue.
const (
	// lowQueue is the share of the queue below which requests are delayed: one in lowQueue.
	lowQueue = 5
	// queueDelay is the delay.
	queueDelay = 2 * time.Second
)

// low reports whether the queue has little room.
func (q Queue) low() bool { return q.Known && q.Remaining < q.Limit/lowQueue }
