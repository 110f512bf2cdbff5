package store

import "strings"

// Plain makes a text fit for PostgreSQL, which refuses broken UTF-8 and NUL bytes.
// Reasons quote file names and whatever servers answered, and an import must not
// get stuck over the wording of its own end.
func Plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "\uFFFD"), "\x00", "\uFFFD")
}
