package request

import (
	"maps"
	"slices"
	"strings"
)

// Errors are the faults of a request by field, as they are sent back.
type Errors map[string][]string //nolint:errname // several errors by field

// Fields returns the fields with faults in their order.
func (e Errors) Fields() []string { return slices.Sorted(maps.Keys(e)) }

// Error lists the faults in the order of their fields.
func (e Errors) Error() string {
	var b strings.Builder
	for i, field := range e.Fields() {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(field + ": " + strings.Join(e[field], ", "))
	}
	return b.String()
}

// Fields of errors.
const (
	FieldRequest   = "request"
	FieldEventName = "event_name"
	FieldURL       = "url"
	FieldDomain    = "domain"
	FieldProps     = "props"
	FieldTimestamp = "timestamp"
)

// Texts of errors. Upstream's, except for the last three.
const (
	textUnparsable  = "Unable to parse request body as json"
	textRequired    = "is required"
	textBlank       = "can't be blank"
	textInvalid     = "is invalid"
	textNameLength  = "should be at most 120 character(s)"
	textURL         = "must be a valid url"
	textScheme      = "scheme is not allowed"
	textProps       = "keys should have at most 300 bytes and values 2000 bytes"
	textEngagement  = "engagement event requires a valid integer value for at least one of 'sd' or 'e' fields"
	textDomains     = "should be at most 50 domains of at most 255 bytes each"
	textUnallowed   = "is accepted from authorised senders only"
	textTimestamp   = "must be RFC 3339 or seconds since 1970, at most 7 days old and not in the future"
	textDepth       = "should be nested at most 32 levels deep"
	textBodyTooLong = "should be at most 1000000 bytes"
)

func (e Errors) add(field, text string) {
	e[field] = append(e[field], text)
}

// TooLarge is the error of a body over MaxBody.
func TooLarge() Errors {
	return Errors{FieldRequest: {textBodyTooLong}}
}
