package wildcard

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for pattern, texts := range map[string][2][]string{
		"/blocked/**":   {{"/blocked/", "/blocked/page", "/blocked/a/b"}, {"/blocked", "/x/blocked/"}},
		"/a*b":          {{"/ab", "/a/b", "/abab"}, {"/abc", "/b"}},
		"*.example.com": {{"a.example.com", "a.b.example.com"}, {"example.com"}},
		"/":             {{"/"}, {"", "//"}},
		"*":             {{"", "anything"}, nil},
		"":              {{""}, {"a"}},
		"/a.b":          {{"/a.b"}, {"/axb"}},
	} {
		for _, text := range texts[0] {
			require.True(t, Match(pattern, text), "%q of %q", pattern, text)
		}
		for _, text := range texts[1] {
			require.False(t, Match(pattern, text), "%q of %q", pattern, text)
		}
	}
}

func FuzzMatch(f *testing.F) {
	f.Add("/a*b**", "/aab")
	f.Add("**", "")
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 50 || len(text) > 200 {
			return
		}
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		expression, err := regexp.Compile(`(?s)\A` + strings.Join(parts, ".*") + `\z`)
		// The library matches characters, Match bytes: the same for valid texts.
		if err != nil || strings.ToValidUTF8(pattern, "") != pattern || strings.ToValidUTF8(text, "") != text {
			return
		}
		require.Equal(t, expression.MatchString(text), Match(pattern, text), "%q of %q", pattern, text)
	})
}
