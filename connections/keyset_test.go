package connections_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

// newKeyset returns a key set, and as JSON.
func newKeyset(t *testing.T) (*connections.Keyset, string) {
	t.Helper()
	k, err := connections.NewKeyset()
	require.NoError(t, err)
	return k, asJSON(t, k)
}

func asJSON(t *testing.T, k *connections.Keyset) string {
	t.Helper()
	text, err := k.JSON()
	require.NoError(t, err)
	return string(text)
}

func TestKeysetRotated(t *testing.T) {
	t.Parallel()
	first, text := newKeyset(t)
	require.Len(t, first.Keys(), 1)
	second, err := first.Rotated()
	require.NoError(t, err)
	require.Len(t, first.Keys(), 1, "the old one is as it was")
	keys := second.Keys()
	require.Len(t, keys, 2)
	require.Equal(t, connections.Key{ID: first.Keys()[0].ID, Enabled: true}, keys[0])
	require.True(t, keys[1].Primary && keys[1].Enabled)
	require.NotEqual(t, keys[0].ID, keys[1].ID)
	primary, err := second.Primary()
	require.NoError(t, err)
	require.Equal(t, keys[1].ID, primary)
	read, err := connections.ParseKeyset([]byte(asJSON(t, second)))
	require.NoError(t, err)
	require.Equal(t, keys, read.Keys())
	require.Equal(t, "key set of 1 keys", first.String())
	require.NotContains(t, fmt.Sprintf("%+v %#v", first, first), text[len(text)/2:len(text)/2+12])
}

func TestParseKeysetRefuses(t *testing.T) {
	t.Parallel()
	_, text := newKeyset(t)
	for _, bad := range []string{"", "{}", "x", text[:len(text)/2], `{"primaryKeyId": 1, "key": []}`, `{"key": "` + planted + `"}`} {
		_, err := connections.ParseKeyset([]byte(bad))
		require.EqualError(t, err,
			"this is not a key set: want what `sluice keyset create` writes, a Tink key set for AEAD as JSON", bad)
	}
}

func TestKeysetFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	created, err := connections.CreateKeysetFile(path)
	require.NoError(t, err)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	_, err = connections.CreateKeysetFile(path)
	require.ErrorIs(t, err, os.ErrExist)
	read, err := connections.ReadKeysetFile(path)
	require.NoError(t, err)
	require.Equal(t, created.Keys(), read.Keys(), "the second create changed nothing")

	require.NoError(t, os.Chmod(path, 0o640))
	_, err = connections.RotateKeysetFile(path)
	require.NoError(t, err)
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o640), info.Mode().Perm(), "who may read it stays")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "nothing is left behind")

	_, err = connections.RotateKeysetFile(path + ".not")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.WriteFile(path, []byte(planted), 0o600))
	_, err = connections.RotateKeysetFile(path)
	require.ErrorContains(t, err, "this is not a key set")
	require.NotContains(t, err.Error(), planted)
	entries, err = os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1, "also not by what failed")
}

// Rotations at the same time lose no key: each adds its own or is refused.
func TestRotateAtTheSameTime(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keyset.json")
	_, err := connections.CreateKeysetFile(path)
	require.NoError(t, err)
	const many = 8
	errs := make([]error, many)
	var all sync.WaitGroup
	for i := range many {
		all.Go(func() { _, errs[i] = connections.RotateKeysetFile(path) })
	}
	all.Wait()
	done := 0
	for _, err := range errs {
		if err == nil {
			done++
			continue
		}
		require.ErrorContains(t, err, "another process is rotating the key set")
	}
	require.Positive(t, done)
	k, err := connections.ReadKeysetFile(path)
	require.NoError(t, err)
	require.Len(t, k.Keys(), 1+done)
}

// FuzzParseKeyset: whatever a file holds, reading it neither panics nor quotes it.
func FuzzParseKeyset(f *testing.F) {
	k, err := connections.NewKeyset()
	require.NoError(f, err)
	text, err := k.JSON()
	require.NoError(f, err)
	f.Add(text)
	f.Add([]byte(`{"primaryKeyId":1,"key":[{"keyId":1,"status":"ENABLED","outputPrefixType":"RAW","keyData":{"value":"AA=="}}]}`))
	f.Add([]byte("null"))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := connections.ParseKeyset(text)
		if err != nil {
			require.Equal(t, "this is not a key set: want what `sluice keyset create` writes, a Tink key set for AEAD as JSON", err.Error())
			return
		}
		_, err = k.Primary()
		require.NoError(t, err)
	})
}
