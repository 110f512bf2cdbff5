package sync_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync"
)

func known(from, to int) sync.Known {
	k := sync.Known{}
	for i := from; i < to; i++ {
		k[fmt.Sprintf("%032x", i)] = json.RawMessage(fmt.Sprintf(`{"unique_email_id":"%d"}`, i))
	}
	return k
}

func TestKnownEncode(t *testing.T) {
	t.Parallel()
	for _, k := range []sync.Known{{}, known(0, 1), known(0, 1000)} {
		blob, err := k.Encode()
		require.NoError(t, err)
		same, err := sync.DecodeKnown(blob)
		require.NoError(t, err)
		require.Equal(t, k, same)
		again, err := same.Encode()
		require.NoError(t, err)
		require.Equal(t, blob, again)
	}
	_, err := sync.Known{"a\tb": nil}.Encode()
	require.ErrorContains(t, err, "a key or ref has a line break or a tab")
	empty, err := sync.DecodeKnown(nil)
	require.NoError(t, err)
	require.Empty(t, empty)
}

func FuzzDecodeKnown(f *testing.F) {
	blob, err := known(0, 3).Encode()
	require.NoError(f, err)
	f.Add(blob)
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		k, err := sync.DecodeKnown(blob)
		if err != nil {
			return
		}
		again, err := k.Encode()
		require.NoError(t, err)
		same, err := sync.DecodeKnown(again)
		require.NoError(t, err)
		require.Len(t, same, len(k))
	})
}

// A blob that was recorded before scans wrote parts is a part now: the format must not change unnoticed.
func TestRecordedKnown(t *testing.T) {
	t.Parallel()
	recorded, err := base64.StdEncoding.DecodeString(
		"H4sIAAAAAAACAzMwwA84q5VK8zILS1PjU3MTM3PiM1OUrJQMlGq5COgzxKrRkLBGI6wajYAaATV2/USrAAAA")
	require.NoError(t, err)
	k, err := sync.DecodeKnown(recorded)
	require.NoError(t, err)
	require.Equal(t, known(0, 3), k)
}

// A blob that is damaged, or is none, is refused.
func TestInvalidKnown(t *testing.T) {
	t.Parallel()
	blob, err := known(0, 2000).Encode()
	require.NoError(t, err)
	text := func(lines string) []byte {
		blob, err := sync.Compress(func(w io.Writer) error { _, err := io.WriteString(w, lines); return err })
		require.NoError(t, err)
		return blob
	}
	flipped := slices.Clone(blob)
	flipped[len(blob)-6] ^= 1
	for name, tc := range map[string]struct {
		blob []byte
		says string
	}{
		"no gzip":     {[]byte("sorted binary ids"), "decode known records: decompress: gzip: invalid header"},
		"cut":         {blob[:len(blob)/2], "unexpected EOF"},
		"another sum": {flipped, "gzip: invalid checksum"},
		"no tab":      {text("a\t{}\nb\n"), "line 2 is not valid: want a key, a tab and a JSON object"},
		"no key":      {text("\t{}\n"), "line 1 is not valid"},
		"no JSON":     {text("a\t{\n"), "line 1 is not valid"},
		"a long line": {text("a\t" + strings.Repeat(" ", sync.MaxLine)), "line 1 has more than 65536 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := sync.DecodeKnown(tc.blob)
			require.ErrorContains(t, err, tc.says)
		})
	}
	_, err = sync.Known{"a": json.RawMessage(strings.Repeat(" ", sync.MaxLine))}.Encode()
	require.ErrorContains(t, err, "want at most 65536")
}
