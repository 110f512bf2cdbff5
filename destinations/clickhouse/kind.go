package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// KindName is the name of the kind of connections that lead to ClickHouse.
const KindName = "clickhouse"

const secretPassword = "password"

// settings are those of a connection of this kind.
type settings struct {
	// URL is the address of the HTTP interface.
	URL string `json:"url" arg:"required" usage:"address of the HTTP interface"`
	// Database is where tables are looked for. Defaults to "default".
	Database string `json:"database" default:"default" usage:"database in which tables are looked for"`
	// User logs in. Defaults to "default".
	User string `json:"user" default:"default" usage:"user name of the login"`
}

// Kind is the kind of connections that lead to ClickHouse, by its HTTP interface. It is ready
// for use.
type Kind struct {
	// Guard decides which addresses Test may dial. Defaults to none.
	Guard outbound.Guard
}

var _ connections.Kind = Kind{}

// Name returns "clickhouse".
func (Kind) Name() string { return KindName }

// Label returns what people call it.
func (Kind) Label() string { return "ClickHouse" }

// Settings describes the settings.
func (Kind) Settings() []connections.SettingSpec { return connections.SettingsOf(settings{}) }

// Secrets returns the password.
func (Kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{{Name: secretPassword, Description: "the user's password, if it has one"}}
}

// ParseSettings checks {"url": "https://...", "database": "...", "user": "..."}.
func (Kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	return connections.EncodeSettings(parseSettings(raw))
}

func parseSettings(raw json.RawMessage) (settings, error) {
	s := settings{Database: "default", User: "default"}
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return settings{}, err
	}
	var faults []error
	u, err := url.Parse(s.URL)
	// User, password and parameters have places of their own, where they are safe.
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" {
		faults = append(faults, errors.New(`setting "url": want an address such as https://clickhouse.example.com:8443`))
	}
	if s.Database == "" || s.User == "" {
		faults = append(faults, errors.New(`settings "database" and "user": want none that is empty`))
	}
	return s, errors.Join(faults...)
}

// Test asks the server who it is.
func (k Kind) Test(ctx context.Context, c connections.Connection) (connections.Report, error) {
	s, err := newServer(newClients(k.Guard), c)
	if err != nil {
		return connections.Report{}, err
	}
	var rows []struct{ Version, Database string }
	statement := "SELECT version() AS version, currentDatabase() AS database FORMAT JSON"
	if _, err := s.query(ctx, statement, &rows); err != nil {
		return connections.Report{}, err
	}
	if len(rows) != 1 {
		return connections.Report{}, errUnreadable
	}
	return connections.Report{Lines: []string{
		"ClickHouse " + rows[0].Version, fmt.Sprintf("the database %q can be used", rows[0].Database),
	}}, nil
}
