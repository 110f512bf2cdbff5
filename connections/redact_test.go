package connections_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

func TestRedact(t *testing.T) {
	t.Parallel()
	const token = `p&t "é"/+4nted`
	key := "{\n  \"private_key\": \"-----BEGIN KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B\\n-----END KEY-----\\n\"\n}"
	c := connections.Connection{Secrets: map[string]string{"token": token, "longer": token + "more", "key": key, "short": "abc"}}
	quoted, err := json.Marshal(token)
	require.NoError(t, err)
	for form, text := range map[string]string{
		"plain":  token,
		"query":  "https://api.example.com/?token=" + url.QueryEscape(token),
		"path":   "https://api.example.com/" + url.PathEscape(token),
		"json":   string(quoted),
		"go":     fmt.Sprintf("%q", token),
		"base64": "Basic " + base64.StdEncoding.EncodeToString([]byte(token)),
		"longer": token + "more",
		"a line": "bad PEM: MIIEvQIBADANBgkqhkiG9w0B is cut off",
		"file":   key,
	} {
		got := c.Redact("before " + text + " after")
		require.NotContains(t, got, "4nted", form)
		require.NotContains(t, got, "MIIE", form)
		require.NotContains(t, got, "more", form)
		require.NotContains(t, got, base64.StdEncoding.EncodeToString([]byte(token)), form)
		require.Contains(t, got, "[secret]", form)
		require.True(t, strings.HasPrefix(got, "before ") && strings.HasSuffix(got, " after"), got)
	}
	require.Equal(t, "abc is too short", c.Redact("abc is too short"))
	require.Equal(t, "nothing", connections.Connection{}.Redact("nothing"))
}

// A connection shows its name and kind, however it is printed; so does a new one.
func TestConnectionShowsNothing(t *testing.T) {
	t.Parallel()
	secrets := map[string]string{"token": planted}
	opened := connections.Connection{Name: "shop", Kind: "example", Settings: json.RawMessage(`{}`), Secrets: secrets}
	added := connections.New{Name: "shop", Kind: "example", Secrets: secrets}
	encoded, err := json.Marshal(map[string]any{"c": opened, "p": &opened})
	require.NoError(t, err)
	var logged strings.Builder
	for _, handler := range []slog.Handler{slog.NewTextHandler(&logged, nil), slog.NewJSONHandler(&logged, nil)} {
		slog.New(handler).Info("opened", "connection", opened, "pointer", &opened, "list", []any{opened}, "added", added)
	}
	vault := connections.NewVault(connections.VaultConfig{Keyset: planted})
	for _, text := range []string{
		string(encoded), logged.String(), fmt.Sprint(opened, &opened, added, &added, vault), fmt.Sprintf("%+v %#v", opened, opened),
		fmt.Sprintf("%+v %#v %+v %#v", added, added, vault, vault), fmt.Sprintf("%v", []any{opened, added}),
	} {
		require.NotContains(t, text, planted)
	}
	require.Equal(t, "example connection shop", opened.String())
}

// FuzzRedact: the secret itself is never left, whatever stands around it.
func FuzzRedact(f *testing.F) {
	f.Add("secret", "the secret is out")
	f.Add("a b&c", "https://x/?q=a+b%26c")
	f.Add("[secret]", "[secret]")
	f.Add("line one\nline two", "line one\nline two")
	const mark = "[secret]"
	f.Fuzz(func(t *testing.T, secret, text string) {
		if len(secret) < 4 || strings.Contains(mark, secret) {
			return
		}
		c := connections.Connection{Secrets: map[string]string{"token": secret}}
		require.NotContains(t, strings.ReplaceAll(c.Redact(text+secret+text), mark, "\x00"), secret)
	})
}
