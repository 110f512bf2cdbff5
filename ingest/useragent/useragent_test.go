package useragent

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const webKit = " AppleWebKit/537.36 (KHTML, like Gecko) "
	for userAgent, want := range map[string]Agent{
		"": {},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)" + webKit + "Chrome/120.0.0.0 Safari/537.36":                                                                 {"Chrome", "120.0", "Windows", "10", Desktop},
		"Mozilla/5.0 (Windows NT 6.1; Win64; x64)" + webKit + "Chrome/109.0.0.0 Safari/537.36 Edg/109.0.1518":                                                   {"Microsoft Edge", "109.0", "Windows", "7", Desktop},
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15":                                 {"Safari", "17.4", "Mac", "10.15", Desktop},
		"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0":                                                                        {"Firefox", "121.0", "Ubuntu", "", Desktop},
		"Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0":                                                                                {"Firefox", "121.0", "GNU/Linux", "", Desktop},
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0)" + webKit + "Chrome/120.0.0.0 Safari/537.36":                                                                  {"Chrome", "120.0", "Chrome OS", "", Desktop},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1":             {"Safari", "17.2", "iOS", "17.2", Mobile},
		"Mozilla/5.0 (iPad; CPU OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.6 Mobile/15E148 Safari/604.1":                        {"Safari", "16.6", "iPadOS", "16.6", Tablet},
		"Mozilla/5.0 (iPad; CPU OS 9_3_5 like Mac OS X) AppleWebKit/601.1.46 (KHTML, like Gecko) Version/9.0 Mobile/13G36 Safari/601.1":                         {"Safari", "9.0", "iOS", "9.3", Tablet},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/120.0.6099.119 Mobile/15E148 Safari/604.1":       {"Chrome", "120.0", "iOS", "16.1", Mobile},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 16_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148":                                         {MobileApp, "", "iOS", "16.1", Mobile},
		"Mozilla/5.0 (Linux; Android 10; K)" + webKit + "Chrome/120.0.0.0 Mobile Safari/537.36":                                                                 {"Chrome", "120.0", "Android", "10", Mobile},
		"Mozilla/5.0 (Linux; Android 10; K)" + webKit + "Chrome/120.0.0.0 Safari/537.36":                                                                        {"Chrome", "120.0", "Android", "10", Tablet},
		"Mozilla/5.0 (Linux; Android 6.0; U007 Pro Build/MRA58K; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/44.0.2403.119 Mobile Safari/537": {MobileApp, "44.0", "Android", "6.0", Mobile},
		"Mozilla/5.0 (Linux; Android 13; SM-S918B)" + webKit + "SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36":                                      {"Samsung Browser", "23.0", "Android", "13", Mobile},
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64)" + webKit + "Chrome/119.0.0.0 Safari/537.36 OPR/105.0.0.0":                                                   {"Opera", "105.0", "Windows", "10", Desktop},
		"Mozilla/5.0 (Linux; Android 10)" + webKit + "Version/4.0 Chrome/120.0.0.0 Mobile DuckDuckGo/5 Safari/537.36":                                           {"DuckDuckGo Privacy Browser", "5", "Android", "10", Mobile},
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Mobile/15E148 Safari/604.1 OPT/4.3.1":     {"Opera", "4.3", "iOS", "17.0", Mobile},
		"Mozilla/5.0 (Windows NT 6.1; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                                                  {"Internet Explorer", "11.0", "Windows", "7", Desktop},
	} {
		require.Equal(t, want, Parse(userAgent), userAgent)
	}
}

// weighted returns real user agents, the most frequent first.
func weighted(tb testing.TB) []string {
	tb.Helper()
	text, err := os.ReadFile("../refdata/bots/testdata/agents.tsv")
	require.NoError(tb, err)
	var all []string
	for line := range strings.Lines(string(text)) {
		if agent, ok := strings.CutPrefix(strings.TrimSpace(line), "0\tMozilla/5.0 "); ok {
			all = append(all, "Mozilla/5.0 "+agent)
		}
	}
	require.Greater(tb, len(all), 80)
	return all
}

func TestRealAgents(t *testing.T) {
	t.Parallel()
	for _, agent := range weighted(t) {
		got := Parse(agent)
		require.NotEmpty(t, got.ScreenSize, agent)
		require.NotEmpty(t, got.OS, agent)
		require.NotEmpty(t, got.Browser, agent)
	}
}

func FuzzParse(f *testing.F) {
	for _, agent := range weighted(f) {
		f.Add(agent)
	}
	f.Fuzz(func(t *testing.T, agent string) {
		got := Parse(agent)
		require.Contains(t, []string{"", Desktop, Mobile, Tablet}, got.ScreenSize)
		for _, version := range []string{got.BrowserVersion, got.OSVersion} {
			require.LessOrEqual(t, len(version), maxAgent)
			require.True(t, utf8.ValidString(version))
		}
	})
}

func BenchmarkReal(b *testing.B) {
	all := weighted(b)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		Parse(all[i%len(all)])
		i++
	}
}

func BenchmarkRandom(b *testing.B) {
	random := rand.New(rand.NewPCG(1, 2))
	all := make([]string, 1000)
	for i := range all {
		var text strings.Builder
		text.WriteString("Mozilla/5.0 (")
		for text.Len() < 400 {
			text.WriteByte(byte(32 + random.IntN(95)))
		}
		all[i] = text.String()
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		Parse(all[i%len(all)])
		i++
	}
}
