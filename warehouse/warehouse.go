// Package warehouse writes imported data to ClickHouse, exactly once, and reads
// back what has to be known about them. What the tables look like is in migrations/
// and, for importers, in package schema.
package warehouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// Config says how to reach ClickHouse.
type Config struct {
	// DSN chooses the protocol by its scheme: clickhouse:// is the native one (port
	// 9000, or 9440 with ?secure=true), http:// and https:// are the HTTP
	// interface (8123, 8443). User, password and database stand where they do
	// in any URL; dial_timeout, compress, skip_verify and the other parameters of
	// clickhouse-go are understood. Required.
	DSN string
	// TLS asks for TLS with more than the DSN can say.
	TLS TLSConfig
	// Cluster names the cluster that tables are created on, with replicated
	// engines. Empty means a single server.
	Cluster string
	// MaxConns bounds the pool. Defaults to 16.
	MaxConns int
	// InsertTimeout bounds the insert of one chunk, on both sides. Defaults to
	// 2 minutes.
	InsertTimeout time.Duration
}

// dialTimeout is the default of the DSN's dial_timeout: how long a server may take to
// accept a connection and to greet, and how long to wait for a place in the pool.
const dialTimeout = 10 * time.Second

// Warehouse gives access to ClickHouse. It is safe for concurrent use.
type Warehouse struct {
	conn          driver.Conn
	options       *clickhouse.Options
	cluster       string
	insertTimeout time.Duration
}

// Open checks the configuration and makes a pool. It does not connect: Ping does.
func Open(cfg Config) (*Warehouse, error) {
	options, err := cfg.options()
	if err != nil {
		return nil, err
	}
	if err := checkCluster(cfg.Cluster); err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	conn, err := clickhouse.Open(options)
	if err != nil {
		return nil, fmt.Errorf("open warehouse: %w", err)
	}
	w := &Warehouse{conn: conn, options: options, cluster: cfg.Cluster, insertTimeout: cfg.InsertTimeout}
	if w.insertTimeout == 0 {
		w.insertTimeout = 2 * time.Minute
	}
	return w, nil
}

// options turns the configuration into the driver's.
func (c Config) options() (*clickhouse.Options, error) {
	options, err := parseDSN(c.DSN)
	if err != nil {
		return nil, err
	}
	if options.TLS, err = c.TLS.clientConfig(options.TLS); err != nil {
		return nil, err
	}
	if options.TLS != nil && strings.HasPrefix(c.DSN, "http://") {
		return nil, errors.New("the warehouse has TLS settings, but its DSN says http://: want https://")
	}
	if options.DialTimeout == 0 {
		options.DialTimeout = dialTimeout
	}
	if options.MaxOpenConns = c.MaxConns; c.MaxConns == 0 {
		options.MaxOpenConns = 16
	}
	options.MaxIdleConns = options.MaxOpenConns
	options.ClientInfo.Products = append(options.ClientInfo.Products, struct{ Name, Version string }{Name: "sluice"})
	return options, nil
}

// parseDSN reads a DSN by the driver's rules, save that https:// needs no
// secure=true to go with it, and that other schemes are refused.
func parseDSN(dsn string) (*clickhouse.Options, error) {
	parsed, err := url.Parse(dsn)
	schemes := []string{"clickhouse", "tcp", "http", "https"}
	if err == nil && slices.Contains(schemes, parsed.Scheme) && parsed.Hostname() != "" {
		if query := parsed.Query(); parsed.Scheme == "https" && !query.Has("secure") {
			query.Set("secure", "true")
			parsed.RawQuery = query.Encode()
		}
		if options, err := clickhouse.ParseDSN(parsed.String()); err == nil {
			return options, nil
		}
	}
	// The parser's error may repeat the DSN, password included.
	return nil, errors.New("the warehouse's DSN is not a ClickHouse URL: " +
		"want clickhouse://user:password@host:9000/database, " +
		"http://user:password@host:8123/database, or https://user:password@host:8443/database")
}

// Ping checks that the warehouse can be reached.
func (w *Warehouse) Ping(ctx context.Context) error {
	if err := w.conn.Ping(ctx); err != nil {
		return fmt.Errorf("reach the warehouse: %w", err)
	}
	return nil
}

// Close ends all connections.
func (w *Warehouse) Close() error {
	if err := w.conn.Close(); err != nil {
		return fmt.Errorf("close warehouse: %w", err)
	}
	return nil
}

// Exception returns the code and the first line of an answer in which ClickHouse
// refused a statement, and ok = false for any other error: those leave the
// outcome unknown.
func Exception(err error) (code int32, message string, ok bool) {
	var exception *clickhouse.Exception
	if errors.As(err, &exception) {
		first, _, _ := strings.Cut(exception.Message, "\n")
		return exception.Code, first, true
	}
	return 0, "", false
}

// Unreachable says whether the error is about the connection rather than about
// what was asked.
func Unreachable(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, clickhouse.ErrAcquireConnTimeout)
}
