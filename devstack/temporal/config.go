// Package temporal runs a Temporal server and its Web UI inside this process,
// on SQLite.
//
// It is what the Temporal CLI's `server start-dev` is, with three differences:
// the databases are tuned for work rather than for a first look, a file from
// another server version is refused instead of half working, and search
// attributes are registered at every start rather than only with a new file.
// Like the CLI's it is meant for development, tests and small installations.
package temporal

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/sluicehq/sluice/devstack/loopback"
)

// Defaults of [Config].
const (
	// DefaultIP is where everything listens.
	DefaultIP = "127.0.0.1"
	// DefaultPort is the frontend's gRPC port.
	DefaultPort = 7233
	// DefaultUIPortOffset is added to the gRPC port to get the Web UI's.
	DefaultUIPortOffset = 1000
	// DefaultNamespace is always there.
	DefaultNamespace = "default"
	// DefaultRetention is how long closed workflows stay visible.
	DefaultRetention = 30 * 24 * time.Hour
	// DefaultHistoryShards is more than the CLI's one, so that a busy workflow
	// does not hold up all others; on two cores it makes no difference to speed.
	DefaultHistoryShards = 4
	// stopTimeout bounds the graceful stop.
	stopTimeout = 10 * time.Second
)

// Config configures [Run]. Its zero value runs a server in memory on the
// default ports.
type Config struct {
	// IP is the address to listen on, also for the internal services' callers.
	// Defaults to 127.0.0.1.
	IP string
	// Port is the frontend's gRPC port. Defaults to 7233.
	Port int
	// HTTPPort is the frontend's HTTP port. Defaults to a free one.
	HTTPPort int
	// MetricsPort serves Prometheus metrics at /metrics. Defaults to 0: off.
	MetricsPort int

	// Headless leaves the Web UI out.
	Headless bool
	// UIIP and UIPort are where the Web UI listens. Default to IP and
	// Port+1000.
	UIIP   string
	UIPort int
	// UIAssetPath serves the UI from a folder. Defaults to the built-in one.
	UIAssetPath string
	// UICodecEndpoint is the URL of a remote codec for payloads. Defaults to
	// none.
	UICodecEndpoint string

	// DBFilename is the SQLite file of the default store; visibility gets
	// <DBFilename>.visibility, and <DBFilename>.version says which server made
	// them. Defaults to none: everything is in memory and gone with the
	// process.
	DBFilename string
	// Pragmas are added to SQLite's connections. They win over the defaults.
	Pragmas map[string]string
	// HistoryShards counts the shards of a new database; an existing one keeps
	// its own. Defaults to 4.
	HistoryShards int

	// Namespaces are made when they do not exist, besides "default".
	Namespaces []string
	// Retention of namespaces that are made. Defaults to 30 days.
	Retention time.Duration
	// SearchAttributes are registered in every namespace of Namespaces and in
	// "default", at every start.
	SearchAttributes map[string]enumspb.IndexedValueType
	// DynamicConfig values win over this package's own. Keys are Temporal's.
	DynamicConfig map[string]any

	// LogConfig logs the server's whole configuration at start, at level error
	// so that it is seen at every level. It holds no secrets.
	LogConfig bool
	// Logger receives the server's log. Defaults to discarding.
	Logger *slog.Logger
	// Ready is called once everything serves. Defaults to nothing.
	Ready func()
}

// Validate reports every fault at once.
func (c Config) Validate() error {
	var errs []error
	for name, ip := range map[string]string{"ip": c.IP, "ui ip": c.UIIP} {
		if ip != "" && ip != "localhost" && net.ParseIP(ip) == nil {
			errs = append(errs, fmt.Errorf("%s %q: want an IP address such as 127.0.0.1", name, ip))
		} else if ip != "" && !loopback.IsHost(ip) {
			errs = append(errs, fmt.Errorf(
				"%s %q: want a loopback address such as 127.0.0.1, because this server asks for no password", name, ip))
		}
	}
	for name, port := range map[string]int{
		"port": c.Port, "http port": c.HTTPPort, "metrics port": c.MetricsPort, "ui port": c.UIPort,
	} {
		if port < 0 || port > 65535 {
			errs = append(errs, fmt.Errorf("%s %d: want 0 to 65535", name, port))
		}
	}
	if c.HistoryShards < 0 {
		errs = append(errs, fmt.Errorf("history shards %d: want 1 or more", c.HistoryShards))
	}
	// The server itself refuses less than an hour, but only later, when
	// something changes the namespace.
	if c.Retention != 0 && c.Retention < time.Hour {
		errs = append(errs, fmt.Errorf("retention %s: want 1h or more", c.Retention))
	}
	return errors.Join(errs...)
}

func (c Config) withDefaults() Config {
	host := func(ip *string, fallback string) {
		*ip = cmp.Or(*ip, fallback)
		if *ip == "localhost" {
			*ip = DefaultIP
		}
	}
	host(&c.IP, DefaultIP)
	host(&c.UIIP, c.IP)
	c.Port = cmp.Or(c.Port, DefaultPort)
	if c.UIPort == 0 {
		c.UIPort = c.Port + DefaultUIPortOffset
	}
	c.HistoryShards = cmp.Or(c.HistoryShards, DefaultHistoryShards)
	c.Retention = cmp.Or(c.Retention, DefaultRetention)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Ready == nil {
		c.Ready = func() {}
	}
	c.Namespaces = withDefaultNamespace(c.Namespaces)
	return c
}

// withDefaultNamespace returns names with "default" in front and without
// duplicates.
func withDefaultNamespace(names []string) []string {
	out := []string{DefaultNamespace}
	seen := map[string]bool{DefaultNamespace: true}
	for _, name := range names {
		if name != "" && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}
