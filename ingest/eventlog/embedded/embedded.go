// Package embedded runs a JetStream server inside the process, for the event log of a single
// machine. A cluster of NATS servers is used by its URL alone, without this package.
package embedded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/internal/faults"
)

// Config configures the server.
type Config struct {
	// Dir is the folder of the log. Required; one server at a time may use it.
	Dir string
	// Listen is the address for other processes, for instance 127.0.0.1:4222. Empty means
	// that only this process can connect.
	Listen string
	// Token is what clients show. Required with Listen.
	Token string
	// MaxBytes bounds the folder. Defaults to 32 GiB.
	MaxBytes int64
	// SyncInterval is how often the log is written to disk. Defaults to 0: each message is on
	// disk before it is acknowledged. With an interval, a loss of power loses what was
	// acknowledged within it; the end of the process alone loses nothing.
	SyncInterval time.Duration
	// Cluster makes the server a member of a cluster. Optional.
	Cluster *Cluster
	// Logger takes warnings and errors of the server. Defaults to slog.Default().
	Logger *slog.Logger
}

// Cluster is a server's place in a cluster.
type Cluster struct {
	// Name is that of the cluster, Server that of this member.
	Name, Server string
	// Listen is the address for the other members.
	Listen string
	// Routes are the addresses of the other members.
	Routes []string
}

const (
	defaultMaxBytes = 32 << 30
	readyTimeout    = 30 * time.Second
	readyPoll       = 100 * time.Millisecond
	// maxPayload leaves room for headers beside the largest message.
	maxPayload = pack.MaxBytes + 256<<10
)

// Validate reports every fault of the configuration.
func (c Config) Validate() error {
	var f faults.Faults
	f.Check(c.Dir != "", "embedded event log: no folder: want a path")
	if c.Listen != "" {
		_, _, err := splitAddress(c.Listen)
		f.Check(err == nil, "embedded event log: listen address: %w", err)
		f.Check(c.Token != "", "embedded event log: no token to listen on %s: want a random text", c.Listen)
	}
	f.Check(c.MaxBytes >= 0 && c.SyncInterval >= 0, "embedded event log: %d bytes, sync interval %s: want 0 or more",
		c.MaxBytes, c.SyncInterval)
	return f.Err()
}

// Server is a running server.
type Server struct{ server *server.Server }

// Start starts a server, and returns once clients can connect.
func Start(cfg Config) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	opts, err := cfg.options()
	if err != nil {
		return nil, err
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, fmt.Errorf("start the event log: %w", err)
	}
	fatal := make(chan string, 1)
	s.SetLoggerV2(logger{cmp.Or(cfg.Logger, slog.Default()), fatal}, false, false, false)
	s.Start()
	if err := ready(s, fatal); err != nil {
		s.Shutdown()
		s.WaitForShutdown()
		return nil, fmt.Errorf("start the event log in %s: %w", cfg.Dir, err)
	}
	return &Server{server: s}, nil
}

// ready waits until clients can connect.
func ready(s *server.Server, fatal <-chan string) error {
	for deadline := time.Now().Add(readyTimeout); time.Now().Before(deadline); {
		if s.ReadyForConnections(readyPoll) && s.JetStreamEnabled() {
			return nil
		}
		select {
		case message := <-fatal:
			return errors.New(message)
		default:
		}
	}
	return fmt.Errorf("not ready after %s", readyTimeout)
}

func (c Config) options() (*server.Options, error) {
	opts := &server.Options{
		ServerName: "sluice-eventlog", DontListen: c.Listen == "", Authorization: c.Token, NoSigs: true,
		JetStream: true, StoreDir: c.Dir, JetStreamMaxStore: cmp.Or(c.MaxBytes, defaultMaxBytes), MaxPayload: maxPayload,
		SyncAlways: c.SyncInterval == 0, SyncInterval: c.SyncInterval,
	}
	var err error
	if c.Listen != "" {
		if opts.Host, opts.Port, err = splitAddress(c.Listen); err != nil {
			return nil, err
		}
	}
	if c.Cluster == nil {
		return opts, nil
	}
	opts.ServerName, opts.Cluster.Name = c.Cluster.Server, c.Cluster.Name
	if opts.Cluster.Host, opts.Cluster.Port, err = splitAddress(c.Cluster.Listen); err != nil {
		return nil, fmt.Errorf("embedded event log: cluster: %w", err)
	}
	for _, route := range c.Cluster.Routes {
		opts.Routes = append(opts.Routes, &url.URL{Scheme: "nats", Host: route})
	}
	return opts, nil
}

func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, err
	}
	if port, err = strconv.Atoi(text); err != nil || port < -1 || port > 65535 {
		return "", 0, fmt.Errorf("address %s: port %q: want 1 to 65535", address, text)
	}
	return host, port, nil
}

// Option connects a client of this process without a network.
func (s *Server) Option() nats.Option { return nats.InProcessServer(s.server) }

// URL is the address for other processes, with the token left out; empty if there is none.
func (s *Server) URL() string {
	if s.server.Addr() == nil {
		return ""
	}
	return "nats://" + s.server.Addr().String()
}

// Stop ends the server in order: clients are disconnected, and all data is on disk afterwards.
func (s *Server) Stop(ctx context.Context) error {
	s.server.Shutdown()
	done := make(chan struct{})
	go func() {
		s.server.WaitForShutdown()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop the event log: %w", ctx.Err())
	}
}

// logger passes the server's messages on. They hold no message's content.
type logger struct {
	to    *slog.Logger
	fatal chan<- string
}

func (l logger) log(level slog.Level, format string, v []any) {
	l.to.Log(context.Background(), level, "event log server", "message", fmt.Sprintf(format, v...))
}

// Noticef logs as debug: at every start, the server describes itself in a page of notices.
func (l logger) Noticef(format string, v ...any) { l.log(slog.LevelDebug, format, v) }

// Warnf logs a warning.
func (l logger) Warnf(format string, v ...any) { l.log(slog.LevelWarn, format, v) }

// Fatalf logs an error, after which the server does not work.
func (l logger) Fatalf(format string, v ...any) {
	l.log(slog.LevelError, format, v)
	select {
	case l.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}

// Errorf logs an error.
func (l logger) Errorf(format string, v ...any) { l.log(slog.LevelError, format, v) }

// Debugf does nothing.
func (l logger) Debugf(string, ...any) {}

// Tracef does nothing: it would hold the content of messages.
func (l logger) Tracef(string, ...any) {}
