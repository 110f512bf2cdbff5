package googleanalytics4

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		convert func(string) string
		want    map[string]string
	}{
		"present": {present, map[string]string{
			"": "", "(none)": "", "(not set)": "", "(not provided)": "", "(other)": "(other)", "x": "x", "not set": "not set",
		}},
		"source": {func(v string) string { return source(v, sourceName) }, map[string]string{
			"(direct)": "", "(not set)": "", "google": "Google", "bing": "Bing", "duckduckgo": "DuckDuckGo", "(other)": "(other)",
			"www.example.com": "example.com", "l.facebook.com": "Facebook", "t.co": "X (Twitter)", "News.YCombinator.com": "Hacker News",
			"fb": "Facebook", "ig": "Instagram", "t.me": "Telegram", "pinterest.de": "Pinterest", "google_ads": "Google",
			"Google-Ads": "Google", "adwords": "Google", "google ads": "Google", "FB_Ads": "Facebook", "yt": "Youtube",
			"google.co.uk": "Google", "search.google.com.au": "Google", "mail.google.com": "Gmail", "pinterest.co.uk": "Pinterest",
			"de.pinterest.com": "Pinterest", "uk.search.yahoo.com": "Yahoo!", "yandex.com.tr": "Yandex", "web.telegram.org": "Telegram",
			"lm.facebook.com": "Facebook", "out.reddit.com": "Reddit", "de.wikipedia.org": "Wikipedia", "twitter": "X (Twitter)",
			"x.com": "X (Twitter)", "Twitter": "X (Twitter)", "chat.openai.com": "ChatGPT", "com.google.android.gm": "Gmail",
			// Neither hosts of others that look alike, nor tags of one's own.
			"notgoogle.com": "notgoogle.com", "google.example.com": "google.example.com", "t.me.example.com": "t.me.example.com",
			"facebook.github.io": "facebook.github.io", "newsletter": "newsletter", "Spring_Sale": "Spring_Sale", "co.uk": "co.uk",
			"fbx": "fbx", "www.Blog.example.com": "Blog.example.com",
		}},
		"campaign": {campaign, map[string]string{
			"(organic)": "", "(referral)": "", "(direct)": "", "(not set)": "", "spring": "spring",
		}},
		"medium without tags": {func(v string) string { return medium(v, "(not set)") }, map[string]string{
			"organic": "", "referral": "", "(none)": "", "cpc": "cpc", "email": "email", "(other)": "(other)",
		}},
		"medium with tags": {func(v string) string { return medium(v, "partner") }, map[string]string{
			"organic": "organic", "referral": "referral", "(none)": "",
		}},
		"hostname": {hostname, map[string]string{"www.example.com": "example.com", "example.com": "example.com", "(not set)": ""}},
		"path": {path, map[string]string{
			"/": "/", "/a/b": "/a/b", "/a?b=c": "/a", "/a#b": "/a", "?x": "/", "(not set)": "", "(other)": "(other)", "": "",
			"https://example.com/a?b": "/a", "https://example.com": "/", "/a://b": "/a://b", "app-screen": "app-screen",
			"/go?to=https://x.example/y": "/go", "/%zz": "/%zz", "/ä ö": "/ä ö",
		}},
		"event": {eventName, map[string]string{
			"file_download": "File Download", "click": "Outbound Link: Click", "purchase": "purchase", "(not set)": "",
		}},
		"country": {country, map[string]string{"DE": "DE", "de": "", "(not set)": "", "(other)": "", "ZZ": "", "DEU": "", "": ""}},
		"device":  {device, map[string]string{"mobile": "Mobile", "smart tv": "Smart tv", "(not set)": "", "": "", "ü": "Ü", "\xff": "\xff"}},
		"browser": {browser, map[string]string{
			"Android Webview": "Mobile App", "Android Browser": "Mobile App", "Safari (in-app)": "Mobile App",
			"Mozilla Compatible Agent": "Mobile App", "User-Agent:Opera": "Opera", "User-Agent: Mozilla": "Firefox",
			"(not set)": "", "Chrome": "Chrome",
		}},
		"system":             {operatingSystem, map[string]string{"Macintosh": "Mac", "Linux": "GNU/Linux", "(not set)": "", "iOS": "iOS"}},
		"version":            {func(v string) string { return systemVersion("iOS", v) }, map[string]string{"17.2": "17.2", "(not set)": ""}},
		"version of nothing": {func(v string) string { return systemVersion("(not set)", v) }, map[string]string{"17.2": ""}},
	} {
		for given, want := range tc.want {
			require.Equal(t, want, tc.convert(given), "%s of %q", name, given)
		}
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]uint64{
		"0": 0, "7": 7, "007": 7, "12.4": 12, "12.5": 13, "1.5E7": 15_000_000, "1e3": 1000, "9223372036854775807": 1<<63 - 1,
		"0.0": 0, "+3": 3,
	} {
		got, ok := parseCount(text)
		require.True(t, ok, text)
		require.Equal(t, want, got, text)
	}
	for _, text := range []string{
		"", "-1", "-0", "-0.1", "NaN", "nan", "Inf", "+inf", "1e400", "0x10", "1_000", "1,000", " 1", "1 ", "1.2.3", "e", ".", "١",
		"99999999999999999999", "12a",
	} {
		_, ok := parseCount(text)
		require.False(t, ok, text)
	}
}

func FuzzParseCount(f *testing.F) {
	for _, seed := range []string{"0", "12.5", "1e3", "-1", "NaN", "0x1p4", "99999999999999999999"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		n, ok := parseCount(text)
		if !ok {
			return
		}
		require.LessOrEqual(t, n, uint64(9999999999999999999))
		require.Empty(t, strings.Trim(text, "0123456789.eE+-"))
	})
}

func FuzzParseDate(f *testing.F) {
	for _, seed := range []string{"20240229", "20230229", "(other)", "00000000", "2024-2-9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		day, ok := parseDate(text)
		if ok {
			require.Equal(t, text, strings.ReplaceAll(day.String(), "-", ""))
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/a?b#c", "https://example.com/a", "(not set)", "//x", "a://", "://", "/go?to=https://x/y"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := path(text)
		require.False(t, strings.ContainsAny(got, "?#"), "%q", got)
		require.True(t, utf8.ValidString(got) || !utf8.ValidString(text))
		// Where the library has an opinion about an address, it is the same.
		if u, err := url.Parse(text); err == nil && strings.HasPrefix(text, "/") && !strings.HasPrefix(text, "//") {
			require.Equal(t, u.EscapedPath() == "", got == "")
			unescaped, err := url.PathUnescape(got)
			require.NoError(t, err)
			require.Equal(t, u.Path, unescaped)
		}
	})
}

// A source's name is stable: naming a name gives it again. Names of others are kept.
func FuzzSourceName(f *testing.F) {
	for _, seed := range []string{"fb", "www.google.co.uk", "t.me", ".", "a..b", "google_ads", "com.", "X (Twitter)", "www.www.example.com"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := sourceName(text)
		if strings.HasPrefix(strings.ToLower(got), "www.") || strings.HasSuffix(got, "/") {
			return
		}
		require.Equal(t, got, sourceName(got))
		require.LessOrEqual(t, len(got), len(text)+len("com.google.android.googlequicksearchbox"))
	})
}
