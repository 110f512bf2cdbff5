package cli

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzConnectionFlags: whatever is given for a secret is refused or says where the secret
// is; no error repeats what was given; settings are a JSON object without secrets.
func FuzzConnectionFlags(f *testing.F) {
	for _, seed := range []string{
		"token=%", "%", "%=env:A", "token=env:%", "token=file:%", "token=-", "note=%=%", "a=%", "a:=%", "a:={\"b\": 1}", ":=%", "=", "a:b=%",
	} {
		f.Add(seed, `{"a": 1}`)
	}
	f.Add("a=b", "%")
	f.Add("a=b", `{"token": "%"}`)
	known := []string{"token", "note"}
	f.Fuzz(func(t *testing.T, flag, base string) {
		given, text := strings.ReplaceAll(flag, "%", planted), strings.ReplaceAll(base, "%", planted)
		sources, err := parseSecrets([]string{given}, known)
		if err != nil {
			require.NotContains(t, err.Error(), planted)
		} else {
			require.Len(t, sources, 1)
			require.Contains(t, known, sources[0].name)
			require.True(t, sources[0].from == fromInput || sources[0].where != "")
		}
		settings, err := parseSettings("--set", json.RawMessage(text), []string{given}, known)
		if err != nil {
			require.NotContains(t, err.Error(), planted+"=", "only a name may be repeated")
			return
		}
		var object map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(settings, &object))
		require.NotContains(t, object, "token")
	})
}
