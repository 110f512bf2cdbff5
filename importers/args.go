package importers

import (
	"bytes"
	"encoding/json"

	"github.com/sluicehq/sluice/internal/inbound"
)

// DecodeArgs decodes the arguments of an import into a pointer to a struct with json tags, as
// the first step of ParseArgs. At every depth it refuses unknown and duplicate names, names
// in a different case, null, and text after the object. A field with the tag required:"true"
// must be present. Its errors name arguments but never quote their values, which may be
// secrets (except for errors of a type's own UnmarshalJSON). Empty arguments count as {}.
func DecodeArgs(args json.RawMessage, into any) error {
	if len(bytes.TrimSpace(args)) == 0 {
		args = json.RawMessage("{}")
	}
	return inbound.Decode(inbound.Subject{Object: "the arguments", Plural: true, Field: "argument"}, args, into)
}
