package store

import (
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Plain makes a text fit for PostgreSQL, which refuses broken UTF-8 and NUL bytes.
// Reasons quote file names and whatever servers answered, and an import must not
// get stuck over the wording of its own end.
func Plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}

// NewID returns an ID for an event, a job or a process: a UUID of version 7, which sorts by time.
func NewID() (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fmt.Errorf("make an ID: %w", err)
	}
	return id.String(), nil
}
