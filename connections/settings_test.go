package connections_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/connections/connectiontest"
)

// planted stands wherever a value can, and must be in no error.
const planted = "pl4nted-s3cr3t"

func TestDecodeSettings(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"page_size": "` + planted + `"}`:                 `setting "page_size": want a whole number, got a string`,
		`{"page_size": 1.5}`:                               `setting "page_size": want a whole number, got a number`,
		`{"endpoint": ["` + planted + `"]}`:                `setting "endpoint": want a string, got an array`,
		`{"Endpoint": "` + planted + `"}`:                  `unknown setting "Endpoint": the settings are endpoint, page_size, behave`,
		`{"endpoint": "a", "endpoint": "` + planted + `"}`: `setting "endpoint" is given twice`,
		`["` + planted + `"]`:                              "the settings are not a JSON object",
		planted:                                            "the settings are not a JSON object",
		`{"endpoint": ` + planted + `}`:                    "the settings are not valid JSON",
		`{"endpoint": "a"`:                                 "the settings are not valid JSON",
		`{} "` + planted + `"`:                             "unexpected text after the JSON object of the settings",
		`{"page_size": 0}`:                                 `setting "page_size": want at least 1`,
	} {
		_, err := connectiontest.Kind{}.ParseSettings(json.RawMessage(text))
		require.EqualError(t, err, want, text)
	}
	for _, text := range []string{"", " ", "{}", `{"page_size": 100}`} {
		got, err := connectiontest.Kind{}.ParseSettings(json.RawMessage(text))
		require.NoError(t, err)
		require.JSONEq(t, `{"endpoint": "https://api.example.com", "page_size": 100, "behave": "well"}`, string(got))
	}
	var none struct{}
	require.NoError(t, connections.DecodeSettings(nil, &none))
	require.EqualError(t, connections.DecodeSettings(json.RawMessage(`{"a": 1}`), &none), "unknown setting \"a\": want none")
}

// FuzzDecodeSettings: the value of a setting is in no error, whatever its form, and what
// is read is in normal form.
func FuzzDecodeSettings(f *testing.F) {
	f.Add("endpoint", "https://%/", `{"page_size": 1}`)
	f.Add("page_size", "%", `{} {}`)
	f.Add("Behave", "%", `{"endpoint": "a", "endpoint": "b"}`)
	f.Fuzz(func(t *testing.T, name, value, raw string) {
		value = strings.ReplaceAll(value, "%", planted)
		for _, form := range []any{value, []string{value}, map[string]string{value: value}} {
			text, err := json.Marshal(map[string]any{name: form})
			require.NoError(t, err)
			if _, err = (connectiontest.Kind{}).ParseSettings(text); err != nil && !strings.Contains(name, planted) {
				require.NotContains(t, err.Error(), planted)
			}
		}
		normal, err := connectiontest.Kind{}.ParseSettings(json.RawMessage(raw))
		if err != nil {
			return
		}
		again, err := connectiontest.Kind{}.ParseSettings(normal)
		require.NoError(t, err)
		require.Equal(t, string(normal), string(again))
	})
}
