package connections

import (
	"bytes"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/inbound"
)

// DecodeSettings reads the settings of a connection into the struct that into points to,
// whose fields carry json tags. It is what ParseSettings starts with. At every depth it
// refuses unknown names, names in another case or given twice, null, and text behind the
// object. A field with the tag required:"true" must be there. Its errors name settings but
// never quote their values. Empty settings count as {}.
func DecodeSettings(settings json.RawMessage, into any) error {
	if len(bytes.TrimSpace(settings)) == 0 {
		settings = json.RawMessage("{}")
	}
	subject := inbound.Subject{Object: "the settings", Plural: true, Field: "setting", Quiet: true}
	return inbound.Decode(subject, settings, into)
}
