package clickhouse

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSplitParams(t *testing.T) {
	t.Parallel()
	settings, query, err := splitParams(url.Values{
		"query": {"SELECT 1"}, "database": {"d"}, "default_format": {"CSV"}, "compress": {"1"}, "user": {"u"}, "password": {"secret"},
		"param_b": {"2"}, "param_a": {`\N`}, "max_threads": {"1", "3"}, "async_insert": {"1"},
	})
	require.NoError(t, err)
	require.Equal(t, []setting{{"async_insert", "1"}, {"max_threads", "3"}}, settings)
	require.Equal(t, params{[]string{"a", "b"}, []string{`\N`, "2"}}, query)
}

// FuzzSettings looks for parameters that would read as anything but values in
// the SET which they end up in.
func FuzzSettings(f *testing.F) {
	f.Add("max_threads=5&param_x=1&query=SELECT+1")
	f.Add(`a=it%27s&b=%5C%27%3B+DROP&c=%00`)
	f.Add("max_threads%3D1%2Creadonly=1&x%20y=2")
	f.Fuzz(func(t *testing.T, raw string) {
		values, err := url.ParseQuery(raw)
		if err != nil {
			return
		}
		settings, query, err := splitParams(values)
		if err != nil {
			var refused *exception
			require.ErrorAs(t, err, &refused)
			return
		}
		require.Len(t, query.values, len(query.names))

		// Read back what the engine will: SET name = value, name = value ...
		sql := new(engine).setup(&request{mark: "mark", settings: settings})
		l := &lexer{text: sql}
		require.True(t, l.is(l.next(), "SET"))
		for i := range 2 + len(settings) {
			name, equals, value := l.next(), l.next(), l.next()
			require.Equal(t, tokenWord, name.kind, sql)
			require.True(t, l.is(equals, "="), sql)
			if i >= 2 {
				require.Equal(t, settings[i-2].name, sql[name.start:name.end])
				require.Equal(t, quote(settings[i-2].value), sql[value.start:value.end])
			}
			if i < 1+len(settings) {
				require.True(t, l.is(l.next(), ","), sql)
			}
		}
		require.Equal(t, tokenEnd, l.next().kind, sql)
	})
}
