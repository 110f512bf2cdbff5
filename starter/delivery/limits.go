package delivery

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of an event's texts, in bytes.
const (
	// MaxEventText bounds the source, the name and the version of an event.
	MaxEventText = 100
	// MaxEventKey bounds the idempotency key of an event.
	MaxEventKey = 255
)

// checkEvent refuses an event whose texts are too long for the store or hold control
// characters. It reports every fault.
func checkEvent(r EventRequest) error {
	faults := []error{}
	if r.Source == "" {
		faults = append(faults, errors.New("the event has no source: want the name of the system that sends it"))
	}
	for _, text := range []struct {
		what, value string
		limit       int
	}{
		{"source", r.Source, MaxEventText},
		{"name", r.Name, MaxEventText},
		{"version", r.Version, MaxEventText},
		{"idempotency key", r.IdempotencyKey, MaxEventKey},
	} {
		switch {
		case len(text.value) > text.limit:
			faults = append(faults, fmt.Errorf("the %s of the event has %d bytes: want at most %d",
				text.what, len(text.value), text.limit))
		case !utf8.ValidString(text.value):
			faults = append(faults, fmt.Errorf("the %s of the event is not valid UTF-8", text.what))
		case strings.ContainsFunc(text.value, unicode.IsControl):
			faults = append(faults, fmt.Errorf("the %s of the event holds a control character: want printable text", text.what))
		}
	}
	return errors.Join(faults...)
}
