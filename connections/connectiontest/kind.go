// Package connectiontest has a kind of connections for tests. It contacts no system. Its settings
// select the behaviour of its test, including violations of the contract.
package connectiontest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/connections"
)

// Kind is the kind "example" with the secrets token, which is required, and note. It is
// ready for use.
type Kind struct{}

var _ connections.Kind = Kind{}

// Behaviours of Test, values of the setting "behave".
const (
	// BehaveWell reports two lines. It is the default.
	BehaveWell = "well"
	// BehaveRefuse reports a line, and an error that quotes the token.
	BehaveRefuse = "refuse"
	// BehaveLeak puts the token into a line.
	BehaveLeak = "leak"
	// BehavePanic panics with the token.
	BehavePanic = "panic"
	// BehaveHang waits for the context to end.
	BehaveHang = "hang"
)

// Settings are the settings of the kind.
type Settings struct {
	// Endpoint defaults to https://api.example.com.
	Endpoint string `json:"endpoint"`
	// PageSize defaults to 100.
	PageSize int `json:"page_size"`
	// Behave defaults to BehaveWell.
	Behave string `json:"behave"`
}

// Name returns "example".
func (Kind) Name() string { return "example" }

// Label returns the name for users.
func (Kind) Label() string { return "Example" }

// ParseSettings decodes Settings.
func (Kind) ParseSettings(raw json.RawMessage) (json.RawMessage, error) {
	s := Settings{Endpoint: "https://api.example.com", PageSize: 100, Behave: BehaveWell}
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return nil, err
	}
	if s.PageSize < 1 {
		return nil, errors.New(`setting "page_size": want at least 1`)
	}
	return json.Marshal(s)
}

// Secrets returns token and note.
func (Kind) Secrets() []connections.SecretSpec {
	return []connections.SecretSpec{
		{Name: "token", Required: true, Description: "access token, from the account's page"},
		{Name: "note", Description: "any other secret"},
	}
}

// Test behaves as configured.
func (Kind) Test(ctx context.Context, c connections.Connection) (connections.Report, error) {
	var s Settings
	if err := json.Unmarshal(c.Settings, &s); err != nil {
		return connections.Report{}, fmt.Errorf("read settings: %w", err)
	}
	token := c.Secrets["token"]
	report := connections.Report{Lines: []string{"reached " + s.Endpoint}}
	switch s.Behave {
	case BehaveRefuse:
		return report, fmt.Errorf("the token %q is rejected", token)
	case BehaveLeak:
		report.Lines = append(report.Lines, "token="+token)
	case BehavePanic:
		panic("token " + token)
	case BehaveHang:
		<-ctx.Done()
		return report, fmt.Errorf("request the account of %s: %w", token, ctx.Err())
	default:
		report.Lines = append(report.Lines, "credentials accepted")
	}
	return report, nil
}
