package postgres

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/outbound"
)

// KindName is the name of the kind of connections that lead to PostgreSQL.
const KindName = "postgres"

const secretPassword = "password"

// The values of the setting tls.
const (
	// TLSVerify wants a certificate that the system trusts, for the name of the host.
	TLSVerify = "verify"
	// TLSNone sends everything in clear.
	TLSNone = "none"
)

// settings are those of a connection of this kind.
type settings struct {
	// Host is the server's name or address.
	Host string `json:"host" arg:"required" usage:"name or address of the server"`
	// Port defaults to 5432.
	Port int `json:"port" default:"5432" usage:"port of the server"`
	// Database and User are what to log in to, and who.
	Database string `json:"database" arg:"required" usage:"name of the database"`
	User     string `json:"user" arg:"required" usage:"user name of the login"`
	// TLS is TLSVerify or TLSNone. Defaults to TLSVerify.
	TLS string `json:"tls" default:"verify" usage:"verify or none"`
}

// Kind is the kind of connections that lead to PostgreSQL. It is ready for use.
type Kind struct {
	// Guard decides which addresses Test may dial. Defaults to none.
	Guard outbound.Guard
}

var _ connections.Kind = Kind{}

// Name returns "postgres".
func (Kind) Name() string { return KindName }

// Label returns what people call it.
func (Kind) Label() string { return "PostgreSQL" }

// Settings describes the settings.
func (Kind) Settings() []connections.SettingSpec { return connections.SettingsOf(settings{}) }

// Secrets returns the password.
func (Kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{{Name: secretPassword, Description: "the user's password, if it has one"}}
}

// ParseSettings checks {"host": "...", "port": 5432, "database": "...", "user": "...",
// "tls": "verify"}.
func (Kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	return connections.EncodeSettings(parseSettings(raw))
}

func parseSettings(raw json.RawMessage) (settings, error) {
	s := settings{Port: 5432, TLS: TLSVerify}
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return settings{}, err
	}
	var faults []error
	if s.Host == "" || s.Database == "" || s.User == "" {
		faults = append(faults, errors.New(`settings "host", "database" and "user": want none that is empty`))
	}
	if strings.ContainsAny(s.Host, "/@, ") {
		faults = append(faults, errors.New(`setting "host": want the name or the address of one host`))
	}
	if s.Port < 1 || s.Port > 65535 {
		faults = append(faults, errors.New(`setting "port": want 1 to 65535`))
	}
	if s.TLS != TLSVerify && s.TLS != TLSNone {
		faults = append(faults, fmt.Errorf(`setting "tls": want %s or %s`, TLSVerify, TLSNone))
	}
	return s, errors.Join(faults...)
}

// connectTimeout bounds how long a connection may take to be made.
const connectTimeout = 10 * time.Second

// connect connects to the database of a connection. The error has no secret in it.
func connect(ctx context.Context, guard outbound.Guard, c connections.Connection) (*pgx.Conn, error) {
	if c.Kind != KindName {
		err := fmt.Errorf("the connection %s is of kind %s: want %s", c.Name, c.Kind, KindName)
		return nil, destinations.WithClass(destinations.ErrorClassOperator, err)
	}
	s, err := parseSettings(c.Settings)
	if err != nil {
		err = fmt.Errorf("settings of the connection %s: %w", c.Name, err)
		return nil, destinations.WithClass(destinations.ErrorClassOperator, err)
	}
	// Nothing of this process's own settings (PGHOST and the like) is to slip in: all that
	// the parser could take from there is set below.
	cfg, err := pgx.ParseConfig("host=unset port=1 user=unset database=unset sslmode=disable")
	if err != nil {
		return nil, errors.New("prepare the connection")
	}
	cfg.Host, cfg.Port, cfg.Database, cfg.User = s.Host, uint16(s.Port), s.Database, s.User
	cfg.Password, cfg.ConnectTimeout, cfg.Fallbacks = c.Secrets[secretPassword], connectTimeout, nil
	exposure := outbound.Protected
	if s.TLS == TLSVerify {
		cfg.TLSConfig = &tls.Config{ServerName: s.Host, MinVersion: tls.VersionTLS12}
	} else if cfg.Password != "" {
		exposure = outbound.Exposed
	}
	cfg.DialFunc = guard.Dialer(exposure).DialContext
	cfg.RuntimeParams = map[string]string{"application_name": "sluice", "statement_timeout": "30s", "lock_timeout": "20s"}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, fmt.Errorf("connect to the database of %s: %w", c.Name, worded(err))
	}
	return conn, nil
}

// Test logs in and asks who answers.
func (k Kind) Test(ctx context.Context, c connections.Connection) (report connections.Report, err error) {
	conn, err := connect(ctx, k.Guard, c)
	if err != nil {
		return connections.Report{}, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	var version, database string
	if err := conn.QueryRow(ctx, "SELECT current_setting('server_version'), current_database()").Scan(
		&version, &database,
	); err != nil {
		return connections.Report{}, worded(err)
	}
	return connections.Report{Lines: []string{
		"PostgreSQL " + version, fmt.Sprintf("the database %q can be used", database),
	}}, nil
}
