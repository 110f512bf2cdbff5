package refdata

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata/lists"
)

func hosts(content []byte) (int, error) {
	list, err := lists.ParseHosts(content)
	return len(list), err
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	const good = "a.example\nb.example\nc.example\nd.example\n"
	sum := sha256.Sum256([]byte(good))
	checksum := hex.EncodeToString(sum[:])
	for name, tc := range map[string]struct {
		before, answer string
		status         int
		list           List
		shrink         bool
		after, fault   string
	}{
		"new":                   {answer: good, after: good},
		"changed":               {before: "a.example\n", answer: good, after: good},
		"the same":              {before: good, answer: good, after: good},
		"pinned":                {answer: good, list: List{SHA256: strings.ToUpper(checksum)}, after: good},
		"another checksum":      {before: "a.example\n", answer: good, list: List{SHA256: "00"}, after: "a.example\n", fault: checksum + ", want 00"},
		"too large":             {before: "a.example\n", answer: good, list: List{MaxSize: 5}, after: "a.example\n", fault: "more than 5 bytes"},
		"no list":               {before: "a.example\n", answer: "<html>", after: "a.example\n", fault: "line 1"},
		"empty":                 {before: "a.example\n", answer: "\n", after: "a.example\n", fault: "the list is empty"},
		"not found":             {before: "a.example\n", answer: good, status: 404, after: "a.example\n", fault: "404 Not Found, want 200"},
		"shrunk":                {before: good, answer: "a.example\n", after: good, fault: "has 1 entries, the file in use has 4"},
		"shrunk on purpose":     {before: good, answer: "a.example\n", shrink: true, after: "a.example\n"},
		"existing corrupt file": {before: "<html>", answer: "a.example\n", after: "a.example\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(max(tc.status, 200))
				if _, err := w.Write([]byte(tc.answer)); err != nil {
					t.Log("the client has gone: ", err)
				}
			}))
			defer server.Close()
			folder := t.TempDir()
			file := filepath.Join(folder, "list.txt")
			if tc.before != "" {
				require.NoError(t, os.WriteFile(file, []byte(tc.before), 0o600))
			}
			tc.list.File, tc.list.URL, tc.list.Count = "list.txt", server.URL, hosts
			// Another list of the same run is not disturbed.
			other := List{File: "other.txt", URL: server.URL, Count: func([]byte) (int, error) { return 1, nil }}
			done, err := Updater{
				Folder: folder, Client: server.Client(), Lists: []List{tc.list, other}, AllowShrinking: tc.shrink,
			}.Update(t.Context())
			got, reading := os.ReadFile(file)
			require.NoError(t, reading)
			require.Equal(t, tc.after, string(got))
			if tc.fault != "" {
				require.ErrorContains(t, err, "update list.txt from "+server.URL)
				require.ErrorContains(t, err, tc.fault)
			} else {
				require.NoError(t, err)
				require.Equal(t, tc.before != tc.after, done[0].Changed)
				require.Len(t, done[0].SHA256, 64)
			}
			names, err := filepath.Glob(filepath.Join(folder, "*"))
			require.NoError(t, err)
			hidden, err := filepath.Glob(filepath.Join(folder, ".*"))
			require.NoError(t, err)
			require.Empty(t, hidden, "no temporary file is left")
			require.LessOrEqual(t, len(names), 2)
		})
	}
}

func TestUpdateOfAnUnreachableServer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	folder := t.TempDir()
	_, err := Updater{Folder: folder, Client: http.DefaultClient, Lists: []List{{File: "a.txt", URL: server.URL, Count: hosts}}}.Update(t.Context())
	require.ErrorContains(t, err, "update a.txt")
	_, err = Updater{}.Update(t.Context())
	require.ErrorContains(t, err, "client or folder is missing")
}

// The public lists, as they were published, are read by their own readers.
func TestPublicLists(t *testing.T) {
	t.Parallel()
	samples := map[string]string{
		FileSpam: "1-best-seo.com\n", FileSearchEngines: "Zoek:\n  -\n    urls: [zoek.example]\n", FileSocials: "A:\n  - a.example\n",
		FileAIAssistants: "A:\n  - a.example\n", FileNumbers: "ASN,Entity\n64500,\"Cloud, Inc.\"\n",
	}
	for _, list := range PublicLists() {
		require.Regexp(t, `^https://`, list.URL)
		entries, err := list.Count([]byte(samples[list.File]))
		require.NoError(t, err, list.File)
		require.Equal(t, 1, entries, list.File)
	}
	require.Len(t, PublicLists(), len(samples))
}
