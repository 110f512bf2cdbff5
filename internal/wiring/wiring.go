// Package wiring converts the configuration into the configurations of the packages that it
// configures. Package config is a leaf and knows none of them, and most of them do not know config.
package wiring

import (
	"io"
	"log/slog"

	"github.com/nats-io/nats.go"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/internal/terminal"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// Warehouse returns the configuration of package warehouse.
func Warehouse(w config.Warehouse) warehouse.Config {
	return warehouse.Config{
		DSN: w.DSN, Cluster: w.Cluster, MaxConns: w.MaxConns, InsertTimeout: w.InsertTimeout,
		TLS: warehouse.TLSConfig{CAFile: w.CAFile, CertFile: w.CertFile, KeyFile: w.KeyFile, ServerName: w.ServerName},
	}
}

// Vault returns the configuration of the vault of package connections.
func Vault(c config.Connections) connections.VaultConfig {
	if c.Keyset != "" {
		return connections.VaultConfig{Keyset: c.Keyset}
	}
	return connections.VaultConfig{KeysetFile: c.File()}
}

// LockLimits returns the limits for granting locks.
func LockLimits(l config.Limits) importstore.LockLimits {
	return importstore.LockLimits{Running: l.Running, RunningPerSite: l.RunningPerSite}
}

// Logger returns the configured logger. It escapes control characters, also those that a
// handler does not escape.
func Logger(l config.Log, w io.Writer) *slog.Logger {
	w = terminal.NewWriter(w)
	options := &slog.HandlerOptions{Level: l.Level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}

// MailServer returns the configuration of the built-in connection connections.Notify.
func MailServer(n config.Notify) smtp.Config {
	return smtp.Config{
		Host: n.SMTPHost, Port: n.SMTPPort, TLS: n.SMTPTLS, CAFile: n.SMTPCAFile,
		Username: n.SMTPUsername, Password: n.SMTPPassword, From: n.SMTPFrom,
	}
}

// embeddedRoom is the size of the embedded log's folder relative to the events in it: the server keeps indexes
// beside them.
const embeddedRoom = 2

// EmbeddedLog returns the configuration of a server of the event log in this process. The error is that of an address
// of the event log that is not one of this machine.
func EmbeddedLog(e config.EventLog, logger *slog.Logger) (embedded.Config, error) {
	address, err := e.EmbeddedAddress()
	return embedded.Config{
		Dir: e.Dir, Listen: address, Token: e.Token, MaxBytes: embeddedRoom * e.MaxMiB << 20,
		SyncInterval: e.SyncInterval, Logger: logger,
	}, err
}

// Pipeline returns the configuration of the ingestion's pipeline, without what it needs from the store and the event
// log.
func Pipeline(i config.Ingest) ingest.Config {
	return ingest.Config{
		Bots: ingest.Mode(i.Bots), DataCentres: ingest.Mode(i.DataCentres),
		AllowIPs: i.AllowedIPs(), AllowASNs: i.AllowedASNs(), AllowUserAgents: i.AllowedUserAgents(),
		VerificationAgent: i.VerificationAgent,
	}
}

// EventLog returns the configuration of a client of the event log.
func EventLog(e config.EventLog, logger *slog.Logger) eventlog.Config {
	c := eventlog.Config{
		URL: e.URL, Credentials: e.Credentials, Partitions: e.Partitions, Streams: e.Streams, Replicas: e.Replicas,
		MaxBytes: e.MaxMiB << 20, Logger: logger,
	}
	if e.Token != "" {
		c.Options = append(c.Options, nats.Token(e.Token))
	}
	if e.CAFile != "" {
		c.Options = append(c.Options, nats.RootCAs(e.CAFile))
	}
	return c
}
