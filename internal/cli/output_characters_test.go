package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/terminal"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// hostile is what a page's path, a file's name or a person's reason may hold: it clears the screen,
// sets its title, goes back in the line, and turns the direction of writing.
const hostile = "/x\x1b[2J\x1b]0;title\x07\u009b1A\rgone\x7f\u202egpj"

// Whatever shows data shows them with their control characters escaped.
func TestDataDoNotControlTheTerminal(t *testing.T) {
	t.Parallel()
	system, s := start(t)
	const folder = "export\x1b[2J"
	dir := t.TempDir() + string(filepath.Separator) + folder
	require.NoError(t, os.Mkdir(dir, 0o755))
	for name, text := range map[string]string{
		"imported_pages_20230101_20230103.csv": "date,hostname,page,visits,visitors,pageviews,total_scroll_depth,total_scroll_depth_visits," +
			"total_time_on_page,total_time_on_page_visits\n" + strings.Repeat(`2023-01-01,example.com,"`+hostile+`",1,1,1,0,0,0,0`+"\n", 9) +
			`2023-01-02,example.com,/y,1,"` + hostile + `",1,0,0,0,0` + "\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	s.ok(t, "site", "add", "example.com")
	s.ok(t, "import", "start", "csv", dir, "--site", "example.com", "--review", "--by", hostile)
	system.WaitFor(t, 1, "a review", func(now importstore.Summary) bool { return now.Import.Phase == importstore.PhaseInReview })
	require.NoError(t, system.Store.Imports.AddFeedback(enginetest.Context(t), 1, importstore.LevelWarn, "hostile", hostile))
	seen := map[string]string{}
	for _, line := range []string{
		"import preview 1", "import preview 1 -o json", "import rejects 1", "import rejects 1 -o json", "import show 1", "import show 1 -o json",
		"import list", "import list -o json", "import logs 1", "import logs 1 -o json", "import logs 1 -o csv", "import parts 1",
		"review list", "locks list", "import show " + hostile, "site add " + hostile,
	} {
		r := s.run(t, strings.Split(line, " ")...)
		seen[line] = r.out + r.err
	}
	s.ok(t, "site", "add", "example.org")
	r := s.run(t, "import", "start", "csv", dir, "--site", "example.org", "--dry-run", "--by", hostile)
	seen["dry run"] = r.out + r.err
	for line, text := range seen {
		require.NotEmpty(t, text)
		require.False(t, strings.ContainsFunc(text, func(r rune) bool {
			return r != '\n' && r != '\t' && (terminal.Control(r) || unicode.Is(unicode.Bidi_Control, r))
		}), "%s: %q", terminal.Line(line), text)
	}
	require.Contains(t, seen["import preview 1"], `/x\u001b[2J\u001b]0;title`)
	require.Contains(t, seen["import logs 1"], `\u001b[2J\u001b]0;title\u0007\u009b1A\u000dgone\u007f\u202egpj`)
}
