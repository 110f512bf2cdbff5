package sources

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTable(t *testing.T) {
	t.Parallel()
	list, err := parseTable(table)
	require.NoError(t, err)
	hosts, aliases := map[string]string{}, map[string]string{}
	for _, s := range list {
		require.NotEmpty(t, s.Name)
		require.NotEmpty(t, s.Hosts, s.Name)
		require.NotEmpty(t, s.Aliases, s.Name)
		for _, host := range s.Hosts {
			require.Equal(t, strings.ToLower(host), host)
			require.Empty(t, hosts[host], "%s has the host of %s", s.Name, hosts[host])
			hosts[host] = s.Name
		}
		for _, alias := range append(append([]string{}, s.Aliases...), s.Ads...) {
			require.Empty(t, aliases[squeeze(alias)], "%s has the alias of %s", s.Name, aliases[squeeze(alias)])
			aliases[squeeze(alias)] = s.Name
		}
	}
	for _, broken := range []string{"A\tsearch", "A\tgames\ta.com\ta\t"} {
		_, err := parseTable(broken)
		require.ErrorContains(t, err, "line 1")
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		name     string
		category Category
	}{
		"l.facebook.com": {"Facebook", CategorySocial}, "fb": {"Facebook", CategorySocial}, "ig": {"Instagram", CategorySocial},
		"FB-Ads": {"Facebook", CategorySocial}, "t.me": {"Telegram", CategorySocial}, "pinterest.co.uk": {"Pinterest", CategorySocial},
		"www.google.com.au/": {"Google", CategorySearch}, "mail.google.com": {"Gmail", CategoryEmail}, "t.co": {"X (Twitter)", CategorySocial},
		"Twitter": {"X (Twitter)", CategorySocial}, "x.com": {"X (Twitter)", CategorySocial}, "X (Twitter)": {"X (Twitter)", CategorySocial},
		"chatgpt.com": {"ChatGPT", CategoryAI}, "Perplexity": {"Perplexity", CategoryAI}, "bsky.app": {"Bluesky", CategorySocial},
		"word-edit.officeapps.live.com": {"Microsoft Office", CategoryOther}, "de.m.wikipedia.org": {"Wikipedia", CategoryOther},
		"kagi.com": {"Kagi", CategorySearch}, "Youtube": {"Youtube", CategoryVideo}, "walmart": {"Walmart", CategoryShopping},
		"shopping.google.com": {"Google Shopping", CategoryShopping}, "com.google.android.gm": {"Gmail", CategoryEmail},
	} {
		got, ok := Builtin().Lookup(text)
		require.True(t, ok, text)
		require.Equal(t, want.name, got.Name, text)
		require.Equal(t, want.category, got.Category, text)
	}
	for _, text := range []string{"", "newsletter", "notgoogle.com", "facebook.github.io", "co.uk", "google.example.com", "."} {
		_, ok := Builtin().Lookup(text)
		require.False(t, ok, text)
	}
	require.True(t, Builtin().Paid("Reddit-ads"))
	require.True(t, Builtin().Paid("adwords"))
	require.False(t, Builtin().Paid("reddit"))
}

func TestListsExtend(t *testing.T) {
	t.Parallel()
	more := New([]Source{
		{Name: "Facebook by another name", Category: CategorySearch, Hosts: []string{"facebook.com", "m.facebook.com"}},
		{Name: "Small Search", Category: CategorySearch, Hosts: []string{"www.small.example"}, Ads: []string{"small ads"}},
	})
	all := Builtin().Extend(more)
	require.Equal(t, "Facebook", all.Name("m.facebook.com"), "the own list is first")
	require.Equal(t, "Small Search", all.Name("www.small.example"))
	require.True(t, all.Paid("small-ads"))
	require.Equal(t, "small.example", Builtin().Name("www.small.example"), "the own list is unchanged")
}

// A name is stable: the name of a name is itself.
func FuzzName(f *testing.F) {
	for _, seed := range []string{"fb", "www.google.co.uk", "t.me", ".", "a..b", "google_ads", "com.", "X (Twitter)", "www.www.example.com"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, ok := Builtin().Lookup(text)
		if !ok {
			return
		}
		again, ok := Builtin().Lookup(s.Name)
		require.True(t, ok, s.Name)
		require.Equal(t, s.Name, again.Name)
	})
}

func BenchmarkLookup(b *testing.B) {
	r := Builtin()
	b.ReportAllocs()
	for b.Loop() {
		r.Lookup("www.blog.example.co.uk")
	}
}
