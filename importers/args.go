package importers

import (
	"bytes"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/inbound"
)

// DecodeArgs reads the arguments of an import into the struct that into points to,
// whose fields carry json tags. It is what ParseArgs starts with. At every depth it
// refuses unknown names, names in another case or given twice, null, and text behind
// the object. A field with the tag required:"true" must be there. Its errors name
// arguments but never quote their values, which may be secrets (only a type's own
// UnmarshalJSON may do so). Empty arguments count as {}.
func DecodeArgs(args json.RawMessage, into any) error {
	if len(bytes.TrimSpace(args)) == 0 {
		args = json.RawMessage("{}")
	}
	return inbound.Decode(inbound.Subject{Object: "the arguments", Plural: true, Field: "argument"}, args, into)
}
