package config

import (
	"net"
	"net/netip"
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
	// StartTimeout bounds the wait for the store and the event log at the start. Defaults to 3m.
	StartTimeout time.Duration `yaml:"start_timeout"`
}

func defaultServer() Server {
	return Server{
		Listen: DefaultServerAddress, HealthListen: DefaultServerHealthAddress,
		MaxConnections: 4096, MaxPendingMiB: 128,
		HeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, IdleTimeout: time.Minute,
		LogTimeout: 5 * time.Second, WriteTimeout: 2 * time.Minute,
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
