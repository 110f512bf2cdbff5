package connections

import (
	"bytes"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/inbound"
)

// DecodeSettings decodes the settings of a connection into a pointer to a struct with json
// tags, as the first step of ParseSettings. At every depth it refuses unknown and duplicate
// names, names in a different case, null, and text after the object. A field with the tag
// required:"true" must be present. Its errors name settings but never quote their values.
// Empty settings count as {}.
func DecodeSettings(settings json.RawMessage, into any) error {
	if len(bytes.TrimSpace(settings)) == 0 {
		settings = json.RawMessage("{}")
	}
	subject := inbound.Subject{Object: "the settings", Plural: true, Field: "setting", Quiet: true}
	return inbound.Decode(subject, settings, into)
}

// EncodeSettings encodes decoded settings with their defaults, as the last step of ParseSettings, or returns the error
// of an earlier one.
func EncodeSettings[T any](settings T, err error) (json.RawMessage, error) {
	if err != nil {
		return nil, err
	}
	return json.Marshal(settings)
}
