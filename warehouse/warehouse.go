// Package warehouse writes imported data to ClickHouse exactly once, and reads counts,
// samples and visibility. migrations/ defines the tables; package schema describes them for
// importers.
package warehouse

import (
	"cmp"
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

// Config configures the connection to ClickHouse.
type Config struct {
	// DSN is a URL whose scheme selects the protocol: clickhouse:// is the native one
	// (port 9000, or 9440 with ?secure=true), http:// and https:// are the HTTP interface
	// (8123, 8443). It supports dial_timeout, compress, skip_verify and the other
	// parameters of clickhouse-go. Required.
	DSN string
	// TLS holds TLS settings that a DSN cannot express.
	TLS TLSConfig
	// Cluster names the cluster for tables with replicated engines. Defaults to "", a
	// single server.
	Cluster string
	// MaxConns bounds the pool. Defaults to 16.
	MaxConns int
	// InsertTimeout bounds the insert of one chunk, on both sides. Defaults to
	// 2 minutes.
	InsertTimeout time.Duration
}

// dialTimeout is the default of the DSN's dial_timeout, which bounds the dial, the handshake
// and the wait for a connection of the pool.
const dialTimeout = 10 * time.Second

// Warehouse gives access to ClickHouse. It is safe for concurrent use.
type Warehouse struct {
	conn          driver.Conn
	options       *clickhouse.Options
	cluster       string
	insertTimeout time.Duration
}

// Open validates the configuration and creates a pool. It does not connect; Ping does.
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
	w.insertTimeout = cmp.Or(w.insertTimeout, 2*time.Minute)
	return w, nil
}

// options converts the configuration to the driver's options.
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
	options.DialTimeout = cmp.Or(options.DialTimeout, dialTimeout)
	if options.MaxOpenConns = c.MaxConns; c.MaxConns == 0 {
		options.MaxOpenConns = 16
	}
	options.MaxIdleConns = options.MaxOpenConns
	options.ClientInfo.Products = append(options.ClientInfo.Products, struct{ Name, Version string }{Name: "sluice"})
	return options, nil
}

// parseDSN parses a DSN by the driver's rules, with two exceptions: https:// implies
// secure=true, and unknown schemes are refused.
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
	// The parser's error may quote the DSN with the password.
	return nil, errors.New("the warehouse's DSN is not a ClickHouse URL: " +
		"want clickhouse://user:password@host:9000/database, " +
		"http://user:password@host:8123/database, or https://user:password@host:8443/database")
}

// Ping checks that the warehouse is reachable.
func (w *Warehouse) Ping(ctx context.Context) error {
	err := w.conn.Ping(ctx)
	if err == nil {
		return nil
	}
	// The library names its requests, with all of their parameters.
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return fmt.Errorf("reach the warehouse: %w", err)
}

// Close closes all connections.
func (w *Warehouse) Close() error {
	if err := w.conn.Close(); err != nil {
		return fmt.Errorf("close warehouse: %w", err)
	}
	return nil
}

// Exception returns the code and the first line of an error with which ClickHouse refused a
// statement, and ok = false for any other error, after which the outcome is unknown.
func Exception(err error) (code int32, message string, ok bool) {
	if exception, ok := errors.AsType[*clickhouse.Exception](err); ok {
		first, _, _ := strings.Cut(exception.Message, "\n")
		return exception.Code, first, true
	}
	return 0, "", false
}

// Unreachable reports whether an error is about the connection instead of the statement.
func Unreachable(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) || errors.Is(err, clickhouse.ErrAcquireConnTimeout)
}
