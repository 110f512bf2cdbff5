package connections

import (
	"context"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/structdoc"
)

// Kind is a kind of outside system. Its methods are safe for concurrent use.
type Kind interface {
	// Name is the name by which connections refer to the kind: lower-case letters,
	// digits and underscores, at most 50 bytes. It is never changed once released.
	Name() string
	// Label is the name of the system for users, for instance "Google Analytics 4".
	Label() string
	// ParseSettings validates settings from a user, which may be empty, and returns them as
	// a JSON object in normal form, with defaults filled in. It does no I/O. Its errors name
	// settings but do not quote their values, which may be misplaced secrets; DecodeSettings
	// follows this rule.
	ParseSettings(settings json.RawMessage) (json.RawMessage, error)
	// Secrets returns the secrets that a connection can have. The result never changes.
	Secrets() []SecretSpec
	// Test proves that the system accepts the credentials and provides what the connection is
	// for. It changes nothing in the system and stops when ctx ends, after at most
	// TestTimeout. Neither the report nor the error contains a secret.
	Test(ctx context.Context, c Connection) (Report, error)
}

// SettingsDescriber is a Kind that describes its settings to people who add connections.
type SettingsDescriber interface {
	// Settings returns the settings in the order of forms. The result never changes.
	Settings() []SettingSpec
}

// SettingSpec describes a setting of a kind.
type SettingSpec struct {
	// Name is the setting's key in the JSON object.
	Name string
	// Type is its JSON type, for instance "list of strings".
	Type string
	// Required marks a setting that every connection needs.
	Required bool
	// Default is the value of an omitted setting, "" if that is the type's zero value.
	Default string
	// Usage is its meaning, in one line.
	Usage string
}

// SettingsOf returns the settings of a struct that DecodeSettings fills, in the order of its fields. Each field has the
// tag usage, and the tag default with its default or arg:"required".
func SettingsOf(settings any) []SettingSpec {
	fields := structdoc.Of(settings)
	all := make([]SettingSpec, len(fields))
	for i, f := range fields {
		all[i] = SettingSpec(f)
	}
	return all
}

// SecretSpec describes a secret of a kind.
type SecretSpec struct {
	// Name has the form of a kind's name, for instance "client_secret".
	Name string
	// Required marks a secret that every connection needs.
	Required bool
	// Description describes the secret and its source in half a line.
	Description string
	// Check returns what would be right if a value is malformed, such as "want whsec_ and 24 to 64 bytes in base64". Its
	// error does not quote the value. Defaults to none: every text is well-formed.
	Check func(value string) error
}

// Report is the result of a successful test.
type Report struct {
	// Lines describe the checks, one line each, for instance "3 properties visible". At most
	// MaxReportLines of MaxReportLine bytes are kept.
	Lines []string `json:"lines"`
}

// Limits of a Report, which is stored in the history of a workflow.
const (
	// MaxReportLines is the maximum number of lines.
	MaxReportLines = 50
	// MaxReportLine is the maximum size of a line and of an error, in bytes.
	MaxReportLine = 500
)
