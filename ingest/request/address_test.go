package request

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

func TestAddress(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]address{
		"https://User:pw@Example.COM:80/a/b?c=d#e": {"https", "example.com", "/a/b", "c=d", "e"},
		"/no/hostname":                         {"", "", "/no/hostname", "", ""},
		"//example.com":                        {"", "example.com", "", "", ""},
		"file:///android_asset/www/index.html": {"file", "", "/android_asset/www/index.html", "", ""},
		"http://[2001:db8::1]:80/":             {"http", "2001:db8::1", "/", "", ""},
		"android-app://some.android.app":       {"android-app", "some.android.app", "", "", ""},
		"https:://twitter.com":                 {"https", "", "://twitter.com", "", ""},
		"HTTP://a.b?x#y?z":                     {"http", "a.b", "", "x", "y?z"},
		"a b://c":                              {"", "", "a b://c", "", ""},
	} {
		got, ok := splitAddress(raw)
		require.True(t, ok, raw)
		require.Equal(t, want, got, raw)
	}
	for _, raw := range []string{"http://a b/", "http://a:b:1/", "http://[::1", "http://[::1]x", "http://a:1x/", "http://\xff/", "a\nb"} {
		_, ok := splitAddress(raw)
		require.False(t, ok, "%q", raw)
	}
	for text, want := range map[string]string{"%41": "A", "%": "%", "%4": "%4", "%zz": "%zz", "%ff": "%ff", "a+b": "a+b", "%D8%AC": "ج", "%25balle%25": "%balle%"} {
		require.Equal(t, want, decode(text, false))
	}
	require.Equal(t, Query{{"a", "1 2"}, {"b", ""}, {"", "c"}}, parseQuery("a=1+2&&b&=c"))
	require.Len(t, parseQuery(strings.Repeat("a=b&", 500)), MaxQuery)
	_, ok := ParseReferrer("https:://twitter.com")
	require.False(t, ok)
}

func FuzzAddress(f *testing.F) {
	for _, seed := range []string{"https://u@www.example.com:80/a%20b?c=d&e#f", "http://[::1]:80", "android-app://x", "https:://t.co", "//", "%", "a:b", "http://a%/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		a, ok := splitAddress(raw)
		if !ok {
			return
		}
		require.False(t, strings.ContainsAny(a.path, "?#"))
		require.Equal(t, strings.ToLower(a.host), a.host)
		if utf8.ValidString(raw) {
			require.True(t, utf8.ValidString(decode(a.path, false)))
			for _, p := range parseQuery(a.query) {
				require.True(t, utf8.ValidString(p.Key) && utf8.ValidString(p.Value))
			}
		}
		// Where the library reads an address, too, it reads the same.
		u, err := url.Parse(raw)
		if err != nil || u.Opaque != "" || u.Host == "" || strings.ContainsAny(u.Host+a.host, "%[") {
			return
		}
		require.Equal(t, strings.ToLower(u.Hostname()), a.host, "host of %q", raw)
		require.Equal(t, u.Scheme, a.scheme)
		require.Equal(t, u.RawQuery, a.query)
		if path := decode(a.path, false); utf8.ValidString(u.Path) {
			require.Equal(t, u.Path, path)
		}
	})
}

func FuzzReferrer(f *testing.F) {
	for _, seed := range []string{"https://www.example.com/a?b", "android-app://x/y", " https://t.co", "https://[::1]/"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		o, ok := ParseReferrer(raw)
		if !ok {
			return
		}
		require.NotEmpty(t, o.Host)
		require.False(t, strings.ContainsAny(o.Path+o.Host, "?#"))
	})
}

// check holds for every request that is accepted.
func check(t *testing.T, r Request) {
	t.Helper()
	require.NotEmpty(t, r.Domains)
	require.LessOrEqual(t, len(r.Domains), MaxDomains)
	require.NotEmpty(t, strings.TrimSpace(r.EventName))
	require.LessOrEqual(t, utf8.RuneCountInString(r.EventName), MaxName)
	require.NotEmpty(t, r.Hostname)
	require.NotEmpty(t, r.Pathname)
	require.LessOrEqual(t, len(r.Props), MaxProps)
	for _, p := range r.Props {
		require.LessOrEqual(t, len(p.Key), MaxPropKey)
		require.LessOrEqual(t, len(p.Value), MaxPropValue)
		require.True(t, utf8.ValidString(p.Key+p.Value))
	}
	require.True(t, utf8.ValidString(r.EventName+r.Pathname+r.Hostname+r.Referrer+r.UserAgent+strings.Join(r.Domains, "")))
	require.Zero(t, r.Timestamp.Nanosecond())
	if r.Revenue != nil {
		amount, ok := Storable(r.Revenue.Amount)
		require.True(t, ok && amount.Equal(r.Revenue.Amount))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"n":"pageview","u":"https://a.b/c?d=e","d":"a.b","r":"https://t.co","p":{"a":1},"$":{"amount":"1","currency":"USD"}}`,
		`{"name":"engagement","url":"https://a.b","sd":5,"e":1000,"v":3,"timestamp":1700000000,"ip":"::1","user_agent":"x"}`,
		`"<script>"`, `{"n":404,"u":"/x","d":"a,b","props":"{\"a\":\"b\"}"}`, `null`,
	} {
		f.Add("application/json", []byte(seed))
	}
	f.Add("application/x-www-form-urlencoded", []byte("n=a&u=https://a.b&props[a]=b"))
	f.Add("multipart/form-data; boundary=X", []byte("--X\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\nBuy\r\n--X--"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		for _, authorised := range []bool{false, true} {
			r, err := Parse(Input{ContentType: contentType, Body: body, Now: now, Authorised: authorised})
			if err == nil {
				check(t, r)
			}
		}
	})
}

// The parser of properties reads whatever JSON a sender makes.
func FuzzProps(f *testing.F) {
	for _, seed := range []string{`{"a":1}`, `"{\"a\":1}"`, `{"a":{"b":[]}}`, `[]`, `{"a":1,"a":2}`, `"x"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r, err := Parse(Input{Body: []byte(`{"n":"404","u":"https://a.b","p":` + raw + `}`), Now: now})
		if err != nil {
			return
		}
		check(t, r)
		keys := map[string]bool{}
		for _, p := range r.Props {
			require.False(t, keys[p.Key], "a key comes once")
			keys[p.Key] = true
		}
	})
}

func BenchmarkParse(b *testing.B) {
	body := []byte(`{"n":"pageview","u":"https://www.example.com/blog/post?utm_source=newsletter&utm_medium=email","d":"example.com","r":"https://www.google.com/","v":25}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(Input{ContentType: "text/plain", Body: body, Now: now}); err != nil {
			b.Fatal(err)
		}
	}
}
