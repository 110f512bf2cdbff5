package bots

import (
	"os"
	"regexp"
	"regexp/syntax"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func isbot(tb testing.TB) *Matcher {
	tb.Helper()
	module, err := os.ReadFile("testdata/isbot-5.2.3.mjs")
	require.NoError(tb, err)
	patterns, err := ParseIsbot(module)
	require.NoError(tb, err)
	require.Len(tb, patterns, 206)
	m, skipped := New(patterns)
	require.Empty(tb, skipped)
	require.Equal(tb, 206, m.Len())
	return m
}

// agents are real browsers, real bots and odd texts, each with what isbot 5.2.3 says in
// node. The real ones are from the npm packages top-user-agents and crawler-user-agents.
func agents(tb testing.TB) map[string]bool {
	tb.Helper()
	file := "testdata/agents.tsv"
	if other := os.Getenv("SLUICE_AGENTS"); other != "" {
		file = other
	}
	text, err := os.ReadFile(file)
	require.NoError(tb, err)
	all := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		verdict, agent, ok := strings.Cut(strings.TrimSuffix(line, "\n"), "\t")
		require.True(tb, ok, line)
		all[agent] = verdict == "1"
	}
	return all
}

func TestMatchesLikeIsbot(t *testing.T) {
	t.Parallel()
	m := isbot(t)
	bots, browsers := 0, 0
	for agent, want := range agents(t) {
		require.Equal(t, want, m.Match(agent), "%q", agent)
		if want {
			bots++
		} else {
			browsers++
		}
	}
	require.Greater(t, bots, 100)
	require.Greater(t, browsers, 100)
	require.False(t, m.Match(""))
	require.False(t, m.Match("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36"+strings.Repeat(" x", maxAgent)+" bot"), "only the start is looked at")
}

// Each pattern with lookaround is also matched where it should not.
func TestAround(t *testing.T) {
	t.Parallel()
	for pattern, texts := range map[string][2][]string{
		`(?:^|[^g])news(?!sapphire)`: {{"news", "a news"}, {"gnews", "newssapphire"}},
		`(?<! channel/|google/)google(?!(?:wv|app|/google| pixel))`: {
			{"google", "googlebot", "channel/google"}, {"x channel/google", "googlewv", "googleapp", "google pixel"},
		},
		`(?<! cu)bots?(?:\b|_)`: {{"bot", "a bots", "bot_x", "cubot", "bots/1"}, {"a cubot", "botany", "botsx"}},
		`(?<!cam)scan`:          {{"scan", "xscan"}, {"camscan"}},
		`(?<!lib)http`:          {{"http"}, {"libhttp"}},
		`java(?!;)`:             {{"java", "java/1"}, {"java;"}},
	} {
		m, skipped := New([]string{pattern})
		require.Empty(t, skipped)
		for _, text := range texts[0] {
			require.True(t, m.Match(text), "%s in %q", pattern, text)
		}
		for _, text := range texts[1] {
			require.False(t, m.Match(text), "%s in %q", pattern, text)
		}
	}
	require.Len(t, arounds, 6)
}

func TestListsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, module := range []string{"", "var patterns_default = ", "var patterns_default = [];", "var patterns_default = [1];", "<html>"} {
		_, err := ParseIsbot([]byte(module))
		require.ErrorContains(t, err, "read isbot")
	}
	m, skipped := New([]string{"crawl", "new(?!way)", "(", strings.Repeat("a", maxPattern+1)})
	require.Len(t, skipped, 3)
	require.ErrorContains(t, skipped[0], "new(?!way)")
	require.Equal(t, 1, m.Len())
	require.True(t, m.Match("A Crawler"))
}

func TestBuiltin(t *testing.T) {
	t.Parallel()
	m := Builtin()
	for _, agent := range []string{"generic crawler", "Googlebot/2.1", "curl/8.5.0", "HeadlessChrome/120"} {
		require.True(t, m.Match(agent), agent)
	}
	for agent, bot := range agents(t) {
		if strings.HasPrefix(agent, "Mozilla/5.0 (Windows") && !bot {
			require.False(t, m.Match(agent), agent)
		}
	}
}

// What the prefilter leaves out, the expression does not match.
func FuzzMatch(f *testing.F) {
	for agent := range agents(f) {
		f.Add(agent)
	}
	m := isbot(f)
	f.Fuzz(func(t *testing.T, agent string) {
		got := m.Match(agent)
		lower := strings.ToLower(agent[:min(len(agent), maxAgent)])
		want := false
		for text, rules := range m.rules {
			_ = text
			for i := range rules {
				if rules[i].kind == matching && rules[i].pattern.MatchString(lower) {
					want = true
				}
			}
		}
		if want {
			require.True(t, got, "%q", agent)
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	m := isbot(b)
	browsers := make([]string, 0, 200)
	for agent, bot := range agents(b) {
		if !bot && strings.HasPrefix(agent, "Mozilla/5.0 (") {
			browsers = append(browsers, agent)
		}
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if m.Match(browsers[i%len(browsers)]) {
			b.Fatal("a browser is no bot")
		}
		i++
	}
}

// What is written as code is what the expressions say.
func FuzzByHand(f *testing.F) {
	for agent := range agents(f) {
		f.Add(agent)
	}
	for _, agent := range []string{
		"a", "a/1", "a/v1.2.3,x", "a/1.", "a/1.12345678901.2", "a/1.2.12345678901", "a/", "/1", "12", "12a", "12 a", "<", "(x",
		"a b-c%:?", strings.Repeat("é", 50), strings.Repeat("x", 49) + "\xff", strings.Repeat("x", 49),
	} {
		f.Add(agent)
	}
	expressions := map[string]*regexp.Regexp{}
	for pattern := range byHand {
		expressions[pattern] = regexp.MustCompile(pattern)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		if agent = strings.ToLower(agent); agent == "" {
			return
		}
		for pattern, match := range byHand {
			require.Equal(t, expressions[pattern].MatchString(agent), match(agent), "%s on %q", pattern, agent)
		}
	})
}

// Only what ends as an expression does is compared with it.
func TestSuffix(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`;\s\w+;$`: ";", `^a(b|c) D$`: " d", `a;`: "", `;$|x`: "", `(a)$`: "", `a$`: "a",
	} {
		parsed, err := syntax.Parse(pattern, syntax.Perl)
		require.NoError(t, err)
		require.Equal(t, want, suffixOf(parsed.Simplify()), pattern)
	}
}
