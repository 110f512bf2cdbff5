package pages

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// Secrets are redacted; everything else is shown as it is stored.
func TestPayload(t *testing.T) {
	t.Parallel()
	shown, err := payload(json.RawMessage(`{"n":12345678901234567890,"f":1.50,"html":"<b>&","list":[{"api-key":1}]}`))
	require.NoError(t, err)
	//nolint:testifylint // the page shows this text: digits and indentation count
	require.Equal(t, `{
  "f": 1.50,
  "html": "<b>&",
  "list": [
    {
      "api-key": "[redacted]"
    }
  ],
  "n": 12345678901234567890
}`, shown)
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
