package config

import (
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"time"
)

// Server configures `sluice server`.
type Server struct {
	// Listen is the address for events. Defaults to DefaultServerAddress.
	Listen string `yaml:"listen"`
	// HealthListen is the address of health, readiness and metrics. Defaults to
	// DefaultServerHealthAddress; "off" disables them.
	HealthListen string `yaml:"health_listen"`
	// TrustedProxies lists the networks of the reverse proxies in front of the server, separated
	// by commas. Only their headers decide the address of a visitor. Defaults to none.
	TrustedProxies string `yaml:"trusted_proxies"`
	// MaxConnections is the number of connections at a time; others wait. Defaults to 4096.
	MaxConnections int `yaml:"max_connections"`
	// MaxPendingMiB bounds the bodies of all unanswered requests together; more are answered
	// with 503. Defaults to 128.
	MaxPendingMiB int64 `yaml:"max_pending_mib"`
	// HeaderTimeout bounds the header of a request, ReadTimeout its body, IdleTimeout the time
	// between two requests of a connection. Default to 5s, 10s and 1m.
	HeaderTimeout time.Duration `yaml:"header_timeout"`
	ReadTimeout   time.Duration `yaml:"read_timeout"`
	IdleTimeout   time.Duration `yaml:"idle_timeout"`
	// LogTimeout bounds the wait of a request for the event log; then the answer is 503. Defaults to 5s.
	LogTimeout time.Duration `yaml:"log_timeout"`
	// WriteTimeout bounds a request after its header, until its answer is sent. Defaults to 2m.
	WriteTimeout time.Duration `yaml:"write_timeout"`
	// StopDelay is how long the server serves after its readiness has failed, so that load
	// balancers notice. Defaults to 3s.
	StopDelay time.Duration `yaml:"stop_delay"`
	// StopTimeout bounds the end of running requests after that. Defaults to 30s.
	StopTimeout time.Duration `yaml:"stop_timeout"`
	// API serves the REST API and the pages beside the events. Defaults to true.
	API bool `yaml:"api"`
	// LocalSignIn signs in everybody on this machine as an administrator while there is no account and the
	// server listens on a loopback address. Defaults to false; `sluice-dev up` sets it.
	LocalSignIn bool `yaml:"local_sign_in"`
	// TemporalUI is the URL of the Temporal Web UI, such as http://127.0.0.1:8233, for the links of pages. Defaults to
	// none, which shows no links.
	TemporalUI string `yaml:"temporal_ui"`
	// MaxStreams is the number of streams of the API at a time; more are answered with 503. Defaults to 1000.
	MaxStreams int `yaml:"max_streams"`
	// UploadDir is the folder of uploaded files, which all servers and workers see under the same path. Defaults
	// to none, which allows no uploads.
	UploadDir string `yaml:"upload_dir"`
	// MaxUploadMiB bounds an upload, MaxUploadsPerSite the uploads of a site. Default to 2048 and 20.
	MaxUploadMiB      int64 `yaml:"max_upload_mib"`
	MaxUploadsPerSite int   `yaml:"max_uploads_per_site"`
	// StartTimeout bounds the wait for the store and the event log at the start. Defaults to 3m.
	StartTimeout time.Duration `yaml:"start_timeout"`
}

func defaultServer() Server {
	return Server{
		Listen: DefaultServerAddress, HealthListen: DefaultServerHealthAddress,
		MaxConnections: 4096, MaxPendingMiB: 128,
		HeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		LogTimeout: 5 * time.Second, WriteTimeout: 2 * time.Minute,
		API: true, MaxStreams: 1000, MaxUploadMiB: 2048, MaxUploadsPerSite: 20,
		StopDelay: 3 * time.Second, StopTimeout: 30 * time.Second, StartTimeout: 3 * time.Minute,
	}
}

// Proxies returns the networks of TrustedProxies; an address is a network of its own. The
// settings are valid.
func (s Server) Proxies() []netip.Prefix { return networks(s.TrustedProxies) }

func (s Server) validate(check func(ok bool, format string, args ...any)) {
	_, _, err := net.SplitHostPort(s.Listen)
	check(err == nil, "server.listen is %q: want host:port", s.Listen)
	if s.HealthListen != "off" {
		_, _, err := net.SplitHostPort(s.HealthListen)
		check(err == nil, "server.health_listen is %q: want host:port, or off", s.HealthListen)
	}
	checkNetworks(check, "server.trusted_proxies", s.TrustedProxies)
	check(oneTo(1_000_000, s.MaxConnections), "server.max_connections is %d: want 1 to 1000000", s.MaxConnections)
	check(s.MaxPendingMiB >= 32 && s.MaxPendingMiB <= 1<<20,
		"server.max_pending_mib is %d: want 32 to 1048576", s.MaxPendingMiB)
	for _, timeout := range []struct {
		name  string
		value time.Duration
	}{
		{"header_timeout", s.HeaderTimeout},
		{"read_timeout", s.ReadTimeout},
		{"idle_timeout", s.IdleTimeout},
		{"log_timeout", s.LogTimeout},
		{"write_timeout", s.WriteTimeout},
		{"stop_timeout", s.StopTimeout},
		{"start_timeout", s.StartTimeout},
	} {
		check(timeout.value > 0, "server.%s is %s: want more than 0", timeout.name, timeout.value)
	}
	check(oneTo(100_000, s.MaxStreams), "server.max_streams is %d: want 1 to 100000", s.MaxStreams)
	ui, err := url.Parse(s.TemporalUI)
	check(s.TemporalUI == "" || err == nil && (ui.Scheme == "http" || ui.Scheme == "https") && ui.Host != "",
		"server.temporal_ui is %q: want a URL such as http://127.0.0.1:8233", s.TemporalUI)
	check(s.UploadDir == "" || filepath.IsAbs(s.UploadDir) && filepath.Clean(s.UploadDir) != "/",
		"server.upload_dir is %q: want the absolute path of a folder", s.UploadDir)
	check(s.MaxUploadMiB >= 1 && s.MaxUploadMiB <= 1<<20,
		"server.max_upload_mib is %d: want 1 to 1048576", s.MaxUploadMiB)
	check(oneTo(10_000, s.MaxUploadsPerSite), "server.max_uploads_per_site is %d: want 1 to 10000", s.MaxUploadsPerSite)
	check(s.StopDelay >= 0, "server.stop_delay is %s: want at least 0", s.StopDelay)
}

// network parses a network, or an address as the network of it alone.
func network(text string) (netip.Prefix, error) {
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.Prefix(ip.BitLen())
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err
}

func networks(list string) []netip.Prefix {
	var all []netip.Prefix
	for _, item := range listed(list) {
		if p, err := network(item); err == nil {
			all = append(all, p)
		}
	}
	return all
}

func checkNetworks(check func(ok bool, format string, args ...any), name, list string) {
	for i, item := range listed(list) {
		_, err := network(item)
		check(err == nil, "%s: network %d is invalid: want something like 10.0.0.0/8, 192.0.2.7", name, i+1)
	}
}
