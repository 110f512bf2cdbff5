package clickhouse

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/ClickHouse/ch-go/compress"
	"github.com/stretchr/testify/require"
)

// allEncodings are all that an answer can have and a body too.
func allEncodings() map[string]encoding {
	all := map[string]encoding{
		"native LZ4":  {native: true, method: compress.LZ4},
		"native ZSTD": {native: true, method: compress.ZSTD},
		"native NONE": {native: true, method: compress.None},
	}
	for _, name := range httpEncodings {
		all[name] = encoding{http: name}
	}
	return all
}

// encode compresses text.
func encode(t *testing.T, e encoding, text string) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc, err := newEncoder(e, &buf)
	require.NoError(t, err)
	_, err = io.WriteString(enc, text)
	require.NoError(t, err)
	require.NoError(t, enc.Close())
	return buf.Bytes()
}

// decode reads a request's body that is compressed with e.
func decode(e encoding, data []byte) (string, error) {
	r := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(data))
	if e.http != "" {
		r.Header.Set("Content-Encoding", e.http)
	}
	body, err := decodeBody(r, e.native)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(body)
	return string(text), err
}

func TestEncodings(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("some text that repeats itself, ", 100_000)
	for name, e := range allEncodings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decode(e, encode(t, e, text))
			require.NoError(t, err)
			require.Equal(t, text, got)
		})
	}
}

// TestEncodingsCutOff cuts a compressed body at every byte: the only places
// where the rest may pass for a body are those between two native blocks.
func TestEncodingsCutOff(t *testing.T) {
	t.Parallel()
	for name, e := range allEncodings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			data := encode(t, e, "a text that does not repeat itself 0123456789")
			// Of nothing at all, nothing can be missing.
			for n := 1; n < len(data); n++ {
				_, err := decode(e, data[:n])
				require.Error(t, err, "%d of %d bytes", n, len(data))
			}
			broken := bytes.Clone(data)
			broken[len(broken)/2] ^= 0xFF
			if text, err := decode(e, broken); err == nil {
				require.NotEqual(t, "br", e.http+" "+text, "brotli has no checksum, all others do")
			}
		})
	}
}

func TestAnswerEncoding(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		query, accept string
		want          encoding
	}{
		{"", "", encoding{}},
		{"", "gzip", encoding{http: "gzip"}},
		{"", "gzip, deflate;q=0.5, zstd;q=0", encoding{http: "gzip"}},
		{"", "identity, *", encoding{}},
		{"enable_http_compression=0", "gzip", encoding{}},
		{"compress=1", "gzip", encoding{native: true, method: compress.LZ4}},
		{"compress=1&network_compression_method=zstd", "", encoding{native: true, method: compress.ZSTD}},
		{"compress=0", "br", encoding{http: "br"}},
	} {
		values, err := url.ParseQuery(tc.query)
		require.NoError(t, err)
		got, err := answerEncoding(values, http.Header{"Accept-Encoding": {tc.accept}})
		require.NoError(t, err)
		require.Equal(t, tc.want, got, "%q %q", tc.query, tc.accept)
	}
	_, err := answerEncoding(url.Values{"compress": {"1"}, "network_compression_method": {"x"}}, nil)
	require.ErrorContains(t, err, "want LZ4, LZ4HC, ZSTD or NONE")
}

// TestCompressedRequests sends and asks for every encoding over HTTP.
func TestCompressedRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows := strings.Repeat("1\n", 100_000)
	b.exec(t, "CREATE TABLE t (a UInt64) ENGINE = Memory")
	t.Run("each", func(t *testing.T) { testCompressedRequests(t, b, rows) })
	require.EqualValues(t, 100_000*len(allEncodings()), b.count(t, "SELECT count() FROM t"), "whole bodies alone are kept")
}

func testCompressedRequests(t *testing.T, b *bundle, rows string) {
	for name, e := range allEncodings() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			path := b.insertPath("INSERT INTO t FORMAT TSV")
			if e.native {
				path += "&decompress=1"
			} else {
				header.Set("Content-Encoding", e.http)
			}
			data := encode(t, e, rows)
			status, _, text := post(t, path, string(data), header)
			require.Equal(t, http.StatusOK, status, text)
			status, answer, text := post(t, path, string(data[:len(data)/2]), header)
			require.Equal(t, http.StatusBadRequest, status, text)
			require.NotEmpty(t, answer.Get("X-ClickHouse-Exception-Code"))

			path = "/?query=" + url.QueryEscape("SELECT 1 FROM numbers(100000)")
			header = http.Header{}
			if e.native {
				path += "&compress=1&network_compression_method=" + strings.TrimPrefix(name, "native ")
			} else {
				header.Set("Accept-Encoding", e.http)
			}
			status, answer, text = post(t, path, "", header)
			require.Equal(t, http.StatusOK, status)
			require.Equal(t, e.http, answer.Get("Content-Encoding"))
			got, err := decode(e, []byte(text))
			require.NoError(t, err)
			require.Equal(t, rows, got)
		})
	}
}
