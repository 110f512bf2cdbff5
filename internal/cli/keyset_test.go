package cli

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

func TestKeyset(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	s := offline()
	s.environ = append(s.environ, "SLUICE_CONNECTIONS_KEYSET_FILE="+path)
	require.Equal(t, "created key set "+path+"; set SLUICE_CONNECTIONS_KEYSET_FILE to it for commands and workers, "+
		"and keep a copy in a safe place\n", s.ok(t, "keyset", "create", "--out", path))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	s.fails(t, "create the key set's file: "+path+": file already exists: add a key to it with `sluice keyset rotate --file "+path+"`",
		"keyset", "create", "--out", path)

	var keys []connections.Key
	s.json(t, &keys, "keyset", "list")
	require.Len(t, keys, 1)
	require.True(t, keys[0].Primary)
	require.Contains(t, s.ok(t, "keyset", "rotate", "--file", path), "added primary key ")
	require.Contains(t, s.ok(t, "keyset", "list", "--file", path), "primary")
	var rotated []connections.Key
	s.json(t, &rotated, "keyset", "list", "--file", path)
	require.Len(t, rotated, 2)
	require.Equal(t, connections.Key{ID: keys[0].ID, Enabled: true}, rotated[0])
	require.Regexp(t, `^ *KEY ID +STATUS\n *\d+  old\n *\d+  primary\n$`, s.ok(t, "keyset", "list"))

	// On standard output it is what connections.keyset takes.
	text := s.ok(t, "keyset", "create")
	inline := offline()
	inline.environ = append(inline.environ, "SLUICE_CONNECTIONS_KEYSET="+text)
	var own []connections.Key
	inline.json(t, &own, "keyset", "list")
	require.Len(t, own, 1)
	inline.fails(t, "connections.keyset cannot be rotated in place: "+
		"write it to a file, rotate the file with --file, then set connections.keyset to its content", "keyset", "rotate")
}

// A command with another key set than the store's encrypts nothing; where the store's is lost, it is
// replaced.
func TestAnotherKeyset(t *testing.T) {
	t.Parallel()
	s, _ := connectionShell(t)
	s.ok(t, "connection", "add", "shop", "--kind", "example", "--secret", "token=env:TOKEN")
	other := s
	path := filepath.Join(t.TempDir(), "other.json")
	s.ok(t, "keyset", "create", "--out", path)
	other.environ = append(slices.Clone(s.environ), "SLUICE_CONNECTIONS_KEYSET_FILE="+path)
	r := other.run(t, "connection", "add", "shop2", "--kind", "example", "--secret", "token=env:TOKEN")
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.err, "the key set is not the one of this store, whose key ")
	require.Contains(t, r.err, "`sluice keyset adopt` makes this one the store's")
	require.NotContains(t, s.ok(t, "connection", "list"), "shop2")
	require.Equal(t, "adopted the key set; it cannot decrypt shop: add them again with `sluice connection add --replace`\n",
		other.ok(t, "keyset", "adopt"))
	other.ok(t, "connection", "add", "shop2", "--kind", "example", "--secret", "token=env:TOKEN")
	other.ok(t, "connection", "add", "shop", "--kind", "example", "--replace", "--secret", "token=env:TOKEN")
	require.Equal(t, "adopted the key set; it decrypts all connections\n", other.ok(t, "keyset", "adopt"))
	var adopted map[string][]string
	other.json(t, &adopted, "keyset", "adopt")
	require.Equal(t, map[string][]string{"cannot_decrypt": {}, "replaced": {}}, adopted)
}
