package config

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var row = regexp.MustCompile("(?m)^\\| `([a-z]+\\.[a-z_]+)` \\| `([A-Z_]+)` \\| ([a-z ]+) \\| (?:`([^`]+)`|none) \\| (.+) \\|$")

// TestEverySettingIsDocumented: the page has each setting once, in order, with its
// variable, type and default, and no other.
func TestEverySettingIsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	var documented, want []string
	for _, m := range row.FindAllStringSubmatch(string(page), -1) {
		documented = append(documented, strings.Join(m[1:5], " | "))
	}
	c := Default()
	for s := range c.settings() {
		want = append(want, strings.Join([]string{s.name(), s.variable(), typeName(s), defaultText(s)}, " | "))
	}
	require.Equal(t, want, documented)
}

func typeName(s setting) string {
	switch {
	case s.value.Type() == durationType:
		return "duration"
	case s.value.Kind() == reflect.String:
		return "text"
	case s.value.Kind() == reflect.Float64:
		return "number"
	case s.value.Kind() == reflect.Bool:
		return "true or false"
	case s.key == "level":
		return "level"
	default:
		return "whole number"
	}
}

func defaultText(s setting) string {
	if d, ok := s.value.Interface().(time.Duration); ok {
		return strings.Replace(strings.Replace(d.String(), "m0s", "m", 1), "h0m", "h", 1)
	}
	return fmt.Sprint(s.value.Interface())
}

// TestTheDocumentedFileIsValid: what people copy works.
func TestTheDocumentedFileIsValid(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/configuration.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(page), "```yaml\n")
	require.True(t, ok)
	text, _, ok := strings.Cut(rest, "```")
	require.True(t, ok)
	loaded, err := Load(write(t, "sluice.yaml", text), nil)
	require.NoError(t, err)
	require.NoError(t, loaded.Validate())
	require.Equal(t, "main", loaded.Warehouse.Cluster)
}

// TestTagsAreComplete: every field of every section can be set.
func TestTagsAreComplete(t *testing.T) {
	t.Parallel()
	c := Default()
	seen := map[string]bool{}
	for s := range c.settings() {
		require.Regexp(t, `^[a-z]+\.[a-z]+(_[a-z]+)*$`, s.name())
		require.False(t, seen[s.name()], s.name())
		seen[s.name()] = true
		require.NotEmpty(t, s.want())
	}
	require.Len(t, seen, 98)
}
