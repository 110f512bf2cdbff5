// Package mailchimp reads the members of Mailchimp lists (audiences) in pages that can be resumed. It
// follows the Marketing API 3.0 (https://mailchimp.com/developer/marketing/api/list-members/).
package mailchimp

import (
	"cmp"
	"context"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/sluicehq/sluice/internal/faults"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Limits of the Marketing API (https://mailchimp.com/developer/marketing/docs/fundamentals/).
const (
	// MaxConnections is the number of simultaneous connections of an account.
	MaxConnections = 10
	// MaxPageSize is the number of members of a page.
	MaxPageSize = 1000
	// CallTimeout is the time after which Mailchimp ends a call.
	CallTimeout = 120 * time.Second
)

// Defaults of Config.
const (
	DefaultPageSize = 500
	DefaultMaxBody  = 32 << 20
)

// Limiter bounds the simultaneous connections of an account: see MaxConnections. It must be safe for
// concurrent use.
type Limiter interface {
	// Acquire waits for a connection of the account. The reader calls release once.
	Acquire(ctx context.Context, account string) (release func(), err error)
}

// Config configures a Reader.
type Config struct {
	// Key is the API key; its end names the data centre, such as -us21. Required.
	Key string
	// Account names the account in calls of the Limiter. Keys of one account share its limit. Required.
	Account string
	// Limiter bounds connections. Required.
	Limiter Limiter
	// Guard restricts the addresses that are dialled. Its zero value allows none.
	Guard outbound.Guard
	// Endpoint replaces the base URL https://DC.api.mailchimp.com/3.0.
	Endpoint string
	// PageSize is the number of members that are requested at a time. Defaults to DefaultPageSize.
	PageSize int
	// Block is the number of members of a request of Pages, at least a page. Defaults to DefaultBlock.
	Block int
	// MaxBody bounds a response in bytes. Fewer members are requested if it is exceeded. Defaults to DefaultMaxBody.
	MaxBody int64
	// Timeout bounds a call. Defaults to CallTimeout, its maximum.
	Timeout time.Duration
	// SkipArchived omits the second pass that reads archived members.
	SkipArchived bool
	// Now is the clock of Retry-After dates. Defaults to time.Now.
	Now func() time.Time
}

// Validate returns all faults. It never quotes the key.
func (c Config) Validate() error {
	var f faults.Faults
	_, err := DataCentre(c.Key)
	f.Add(err)
	f.Check(c.Account != "", "account: want a name")
	f.Check(c.Limiter != nil, "limiter: want one")
	f.Check(c.Endpoint == "" || outbound.IsEndpoint(c.Endpoint),
		"endpoint: want an http or https URL without credentials, query and fragment")
	f.Check(c.PageSize >= 0 && c.PageSize <= MaxPageSize, "page size %d: want 1 to %d", c.PageSize, MaxPageSize)
	f.Check(c.Block >= 0 && c.Block < MaxPageSize, "block %d: want 1 to %d", c.Block, MaxPageSize-1)
	f.Check(c.MaxBody >= 0, "maximum body %d: want a number of bytes", c.MaxBody)
	f.Check(c.Timeout >= 0 && c.Timeout <= CallTimeout, "timeout %s: want at most %s", c.Timeout, CallTimeout)
	return f.Err()
}

// Reader reads the members of lists of one account. It is safe for concurrent use.
type Reader struct {
	cfg  Config
	base string
	http *http.Client
	// memberBytes is the mean size of a member in the last answer, 0 before the first one.
	memberBytes atomic.Int64
}

// New returns a reader. It makes no request.
func New(cfg Config) (*Reader, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.PageSize = cmp.Or(cfg.PageSize, DefaultPageSize)
	cfg.Block = cmp.Or(cfg.Block, DefaultBlock)
	cfg.MaxBody = cmp.Or(cfg.MaxBody, DefaultMaxBody)
	cfg.Timeout = cmp.Or(cfg.Timeout, CallTimeout)
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	base := cfg.Endpoint
	if base == "" {
		centre, err := DataCentre(cfg.Key)
		if err != nil {
			return nil, err
		}
		base = "https://" + centre + ".api.mailchimp.com/3.0"
	}
	return &Reader{cfg: cfg, base: base, http: cfg.Guard.Client(outbound.Exposed)}, nil
}

// CloseIdleConnections closes connections that wait for further requests.
func (r *Reader) CloseIdleConnections() { r.http.CloseIdleConnections() }
