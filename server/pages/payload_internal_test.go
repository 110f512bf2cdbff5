package pages

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Values of secrets are hidden at every depth; everything else is shown as it is stored.
func TestPayload(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"Password":"a","list":[{"api-key":1},{"apikey":{"x":1}}],"html":"<b>&"}`: `{"Password":"(hidden)",` +
			`"html":"<b>&","list":[{"api-key":"(hidden)"},{"apikey":"(hidden)"}]}`,
		`{"secret":null,"Authorization":"Bearer x","key":"k"}`: `{"Authorization":"(hidden)","key":"k","secret":null}`,
		`[1.50,"token"]`: `[1.50,"token"]`, `{}`: `{}`, `null`: `null`,
	} {
		shown, err := payload(json.RawMessage(text))
		require.NoError(t, err, text)
		require.JSONEq(t, want, shown)
		require.NotContains(t, shown, `\u003c`)
	}
	shown, err := payload(json.RawMessage(`{"n":12345678901234567890,"f":1.50}`))
	require.NoError(t, err)
	require.Equal(t, "{\n  \"f\": 1.50,\n  \"n\": 12345678901234567890\n}", shown)
	_, err = payload(json.RawMessage(`{"password":`))
	require.Error(t, err)
}

func TestPosition(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text         string
		line, column int
	}{{"{\n  \"a\" 1}", 2, 7}, {"[1", 1, 2}, {"x", 1, 1}, {"", 1, 1}} {
		var syntax *json.SyntaxError
		require.ErrorAs(t, json.Unmarshal([]byte(test.text), &map[string]any{}), &syntax)
		line, column := position(test.text, syntax.Offset)
		require.Equal(t, [2]int{test.line, test.column}, [2]int{line, column}, test.text)
	}
	before, rest := cutAt("äö: x", 3)
	require.Equal(t, [2]string{"äö", ": x"}, [2]string{before, rest})
	for _, column := range []int{-1, 0, 99} {
		before, rest = cutAt("ab", column)
		require.Equal(t, "ab", before+rest)
	}
}
