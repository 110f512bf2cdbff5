package connections

import (
	"context"
	"encoding/json"
)

// Kind is a kind of outside system that connections can lead to. Its methods may be
// called concurrently.
type Kind interface {
	// Name is the name by which connections refer to the kind: lower-case letters,
	// digits and underscores, at most 50 bytes. It is never changed once released.
	Name() string
	// Label is what people call the system, for instance "Google Analytics 4".
	Label() string
	// ParseSettings checks settings as somebody wrote them, which may be empty, and
	// returns them as a JSON object in normal form: with defaults filled in. It does no
	// I/O. Its errors name settings but do not quote their values, among which a secret
	// may stand by mistake; DecodeSettings does so.
	ParseSettings(settings json.RawMessage) (json.RawMessage, error)
	// Secrets are the secrets that a connection can have, always the same.
	Secrets() []SecretSpec
	// Test proves that the credentials are accepted and that what the connection is for
	// can be reached. It changes nothing on the other side, stops when ctx ends, and is
	// given TestTimeout. A secret goes neither into the report nor into the error.
	Test(ctx context.Context, c Connection) (Report, error)
}

// SecretSpec describes a secret of a kind.
type SecretSpec struct {
	// Name is in the form of a kind's name, for instance "client_secret".
	Name string
	// Required says that a connection cannot do without it.
	Required bool
	// Description says what it is and where to find it, in half a line.
	Description string
}

// Report says what a test has proven.
type Report struct {
	// Lines are for people, one a proof, for instance "3 properties visible". At most
	// MaxReportLines of MaxReportLine bytes are kept.
	Lines []string `json:"lines"`
}

// Limits of a Report, which goes into the history of a workflow.
const (
	// MaxReportLines is how many lines are kept.
	MaxReportLines = 50
	// MaxReportLine is how many bytes of a line, and of an error, are kept.
	MaxReportLine = 500
)
