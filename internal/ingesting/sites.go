package ingesting

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// How long Sites answers from what it knows while PostgreSQL is away.
const (
	// MaxStaleSites bounds the age of a site's settings.
	MaxStaleSites = time.Hour
	// MaxStaleKeys bounds the time for which a key may be accepted after it was revoked.
	MaxStaleKeys = 5 * time.Minute
)

// ErrStale means that PostgreSQL has been away for too long to answer from memory.
var ErrStale = errors.New("PostgreSQL cannot be reached, and what is known is too old")

// SitesConfig configures Sites.
type SitesConfig struct {
	// Store is required.
	Store *ingeststore.Store
	// Logger reports when notifications are lost. Required.
	Logger *slog.Logger
	// Now is the clock. Defaults to time.Now.
	Now func() time.Time
}

// Sites has all sites and all keys of senders in memory, and answers without a query, also about domains that
// are not known. Run keeps them current:
//
//   - a change is in effect once its notification has arrived, within milliseconds;
//   - if a notification is lost, within 15 s, by comparing the number of changes;
//   - if the connection is lost, once it is made again: a dead one is noticed within 20 s;
//   - while PostgreSQL is away, what is known holds for MaxStaleSites, then the error is ErrStale.
//
// It is safe for concurrent use.
type Sites struct {
	config SitesConfig
	ready  chan struct{}

	mu sync.RWMutex
	// byDomain has the sites by domain and by former domain, byID the same sites by number.
	byDomain map[string]*ingest.Site
	byID     map[int64]*entry
	keys     map[[sha256.Size]byte]ingeststore.KeyHash
	// zones are the time zones that were loaded.
	zones   map[string]*time.Location
	version int64
	// checked is when the sites were last known to be current; zero before they are loaded.
	checked time.Time
}

// entry is how a site is found.
type entry struct {
	domains []string
	keys    [][sha256.Size]byte
}

var _ ingest.Sites = (*Sites)(nil)

// NewSites returns sites that are loaded once Run runs. The error is about the configuration.
func NewSites(c SitesConfig) (*Sites, error) {
	if c.Store == nil || c.Logger == nil {
		return nil, errors.New("new sites: store and logger are required")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Sites{config: c, ready: make(chan struct{}), zones: map[string]*time.Location{}}, nil
}

// Ready is closed once the sites are loaded.
func (s *Sites) Ready() <-chan struct{} { return s.ready }

// Len returns the number of sites.
func (s *Sites) Len() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return len(s.byID)
}

// Age returns how long ago the sites were last known to be current, and 0 before they are loaded.
func (s *Sites) Age() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.checked.IsZero() {
		return 0
	}
	return s.config.Now().Sub(s.checked)
}

// Site returns the site of a domain or of a former domain, or ingest.ErrNoSite. The error is ErrStale before the
// sites are loaded, and when PostgreSQL has been away for MaxStaleSites.
func (s *Sites) Site(_ context.Context, domain string) (*ingest.Site, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.fresh(MaxStaleSites); err != nil {
		return nil, err
	}
	if site, ok := s.byDomain[domain]; ok {
		return site, nil
	}
	return nil, ingest.ErrNoSite
}

// key returns the key with a hash. The error is ErrStale when PostgreSQL has been away for MaxStaleKeys.
func (s *Sites) key(hash [sha256.Size]byte) (key ingeststore.KeyHash, ok bool, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if err := s.fresh(MaxStaleKeys); err != nil {
		return ingeststore.KeyHash{}, false, err
	}
	key, ok = s.keys[hash]
	return key, ok, nil
}

// fresh returns ErrStale if the sites are older than a bound. The caller holds the lock.
func (s *Sites) fresh(bound time.Duration) error {
	switch age := s.config.Now().Sub(s.checked); {
	case s.checked.IsZero():
		return fmt.Errorf("sites are not loaded: %w", ErrStale)
	case age > bound:
		return fmt.Errorf("sites were last current %s ago: %w", age.Truncate(time.Second), ErrStale)
	default:
		return nil
	}
}

// Run keeps the sites current until ctx ends.
func (s *Sites) Run(ctx context.Context) error {
	f := s.config.Store.Follower(ingeststore.SitesChannel)
	lost := false
	f.Lost = func(err error) {
		if !lost {
			lost = true
			s.config.Logger.Warn("changes of sites do not arrive; the last known ones are used",
				"error", err, "at_most", MaxStaleSites)
		}
	}
	for ctx.Err() == nil {
		f.Next(ctx, func(ctx context.Context, r store.Received) error {
			err := s.receive(ctx, r)
			if err == nil && lost {
				lost = false
				s.config.Logger.Info("changes of sites arrive again")
			}
			return err
		})
	}
	return f.Close(ctx)
}

// queryTimeout bounds the statements of a change.
const queryTimeout = time.Minute

// receive brings the sites up to date.
func (s *Sites) receive(ctx context.Context, r store.Received) error {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	if r.Connected {
		return s.load(ctx)
	}
	if r.Payload != "" {
		var version, id int64
		// A gap means that a notification is missing.
		if _, err := fmt.Sscanf(r.Payload, "%d %d", &version, &id); err != nil || version > s.loaded()+1 {
			return s.load(ctx)
		}
		if version <= s.loaded() {
			return nil
		}
		return s.reload(ctx, id, version)
	}
	asked := s.config.Now()
	version, err := s.config.Store.SitesVersion(ctx)
	if err != nil {
		return err
	}
	if version != s.loaded() {
		return s.load(ctx)
	}
	s.mu.Lock()
	s.checked = asked
	s.mu.Unlock()
	return nil
}

func (s *Sites) loaded() int64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.version
}

// load replaces all sites.
func (s *Sites) load(ctx context.Context) error {
	asked := s.config.Now()
	all, err := s.config.Store.LoadSites(ctx)
	if err != nil {
		return err
	}
	next := &Sites{
		config: s.config, zones: s.zones, byDomain: make(map[string]*ingest.Site, len(all.Sites)),
		byID: make(map[int64]*entry, len(all.Sites)), keys: make(map[[sha256.Size]byte]ingeststore.KeyHash, len(all.Keys)),
	}
	for _, site := range all.Sites {
		next.add(site, nil)
	}
	for _, key := range all.Keys {
		next.addKey(key)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.byDomain, s.byID, s.keys, s.version = next.byDomain, next.byID, next.keys, all.Version
	if s.checked.IsZero() {
		close(s.ready)
	}
	s.checked = asked
	return nil
}

// reload replaces one site, whose change has the version.
func (s *Sites) reload(ctx context.Context, id, version int64) error {
	asked := s.config.Now()
	site, keys, err := s.config.Store.LoadSite(ctx, id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(id)
	if err == nil {
		s.add(site, keys)
	}
	s.version, s.checked = version, asked
	return nil
}

func (s *Sites) remove(id int64) {
	old, ok := s.byID[id]
	if !ok {
		return
	}
	for _, domain := range old.domains {
		// Another site may have the domain meanwhile.
		if site := s.byDomain[domain]; site != nil && site.ID == uint64(id) {
			delete(s.byDomain, domain)
		}
	}
	for _, hash := range old.keys {
		delete(s.keys, hash)
	}
	delete(s.byID, id)
}

// add adds a site. One that the pipeline refuses takes no events until it is changed.
func (s *Sites) add(row ingeststore.Site, keys []ingeststore.KeyHash) {
	site, err := complete(row, s.zone)
	if err != nil {
		s.config.Logger.Error("the settings of a site are invalid; it takes no events", "site", row.Domain, "error", err)
		site = ingest.Site{ID: site.ID, Domain: site.Domain, RateLimit: &ingest.RateLimit{}}
	}
	e := &entry{domains: append([]string{row.Domain}, row.Settings.FormerDomains...)}
	for _, domain := range e.domains {
		s.byDomain[domain] = &site
	}
	s.byID[row.ID] = e
	for _, key := range keys {
		s.addKey(key)
	}
}

// zone returns a time zone. Only Run calls it.
func (s *Sites) zone(name string) (*time.Location, error) {
	if zone, ok := s.zones[name]; ok {
		return zone, nil
	}
	zone, err := loadZone(name)
	if err == nil {
		s.zones[name] = zone
	}
	return zone, err
}

func loadZone(name string) (*time.Location, error) {
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("load the time zone: %w", err)
	}
	return zone, nil
}

func (s *Sites) addKey(key ingeststore.KeyHash) {
	if e, ok := s.byID[key.SiteID]; ok {
		e.keys = append(e.keys, key.Hash)
		s.keys[key.Hash] = key
	}
}

// complete returns what the pipeline knows about a site. The error says that the pipeline refuses it.
func complete(row ingeststore.Site, zone func(name string) (*time.Location, error)) (ingest.Site, error) {
	site := SiteOf(row)
	var err error
	// Without its zone, days would be those of UTC, and stay so.
	site.Location, err = zone(row.TimeZone)
	return site, errors.Join(err, site.Validate())
}

// SiteOf returns what the pipeline knows about a site, beside its time zone.
func SiteOf(row ingeststore.Site) ingest.Site {
	c := row.Settings
	site := ingest.Site{
		ID: uint64(row.ID), Domain: row.Domain, NativeStart: row.NativeStart, Props: c.Props, AllowIPs: c.AllowedNetworks,
		Shields: ingest.Shields{
			IPs: c.ShieldIPs, Countries: c.ShieldCountries, Pages: c.ShieldPages, Hostnames: c.ShieldHostnames,
		},
	}
	if c.AcceptUntil != nil {
		site.AcceptTrafficUntil = c.AcceptUntil.Time()
	}
	switch {
	case c.Blocked:
		site.RateLimit = &ingest.RateLimit{}
	case c.RateLimit != nil:
		site.RateLimit = &ingest.RateLimit{Events: int(c.RateLimit.Events), Window: c.RateLimit.Window}
	}
	for name, code := range c.Goals {
		if code == "" {
			continue
		}
		if site.RevenueGoals == nil {
			site.RevenueGoals = map[string]string{}
		}
		site.RevenueGoals[name] = code
	}
	return site
}
