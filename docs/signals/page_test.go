package signals

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var codeBlock = regexp.MustCompile("(?s)(?:^|\n)```([a-z]*)\n(.*?)\n```")

// page returns the text of the page.
func page(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../signals.md")
	require.NoError(t, err)
	return string(text)
}

// blocks returns the page's fenced blocks of a language.
func blocks(t *testing.T, language string) []string {
	t.Helper()
	var found []string
	for _, m := range codeBlock.FindAllStringSubmatch(page(t), -1) {
		if m[1] == language {
			found = append(found, m[2])
		}
	}
	require.NotEmpty(t, found, language)
	return found
}

// commandLines returns the page's command lines of a program, of which each may go over
// several lines.
func commandLines(t *testing.T, program string) []string {
	t.Helper()
	var lines []string
	for _, block := range blocks(t, "sh") {
		for line := range strings.Lines(strings.ReplaceAll(block, "\\\n", " ")) {
			line = strings.TrimSpace(line)
			require.Regexp(t, "^(temporal|curl) ", line, "a test runs every line")
			if strings.HasPrefix(line, program+" ") {
				lines = append(lines, line)
			}
		}
	}
	require.NotEmpty(t, lines)
	return lines
}

// words cuts a command line as a shell does, as far as the page goes: blanks, quotes and
// variables, which single quotes keep from being replaced.
func words(t *testing.T, line string, variables map[string]string) []string {
	t.Helper()
	var all []string
	var word strings.Builder
	begun, quote := false, rune(0)
	end := func() {
		if begun {
			all = append(all, word.String())
		}
		word.Reset()
		begun = false
	}
	text := replaceVariables(t, line, variables)
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, begun = r, true
		case quote == 0 && r == ' ':
			end()
		default:
			word.WriteRune(r)
			begun = true
		}
	}
	require.Zero(t, quote, "a quote is not closed: %s", line)
	end()
	return all
}

var variable = regexp.MustCompile(`'[^']*'|\$[A-Z_]+`)

// replaceVariables puts values in the place of variables.
func replaceVariables(t *testing.T, line string, values map[string]string) string {
	t.Helper()
	return variable.ReplaceAllStringFunc(line, func(name string) string {
		if strings.HasPrefix(name, "'") {
			return name
		}
		value, ok := values[strings.TrimPrefix(name, "$")]
		require.Truef(t, ok, "%s: there is no %s", line, name)
		return value
	})
}

func TestWords(t *testing.T) {
	t.Parallel()
	got := words(t, `a --b 'c "d" $E'  "f $GH i" $GH/j`, map[string]string{"GH": "1"})
	require.Equal(t, []string{"a", "--b", `c "d" $E`, "f 1 i", "1/j"}, got)
}

// TestGoIsTested: what the page shows in Go stands in tests.
func TestGoIsTested(t *testing.T) {
	t.Parallel()
	var source strings.Builder
	for _, name := range []string{"sdk_test.go", "grpc_test.go"} {
		text, err := os.ReadFile(name)
		require.NoError(t, err)
		source.Write(text)
	}
	quoted := blocks(t, "go")
	require.Len(t, quoted, 2)
	for _, block := range quoted {
		require.Contains(t, source.String(), block)
	}
}
