package cli

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/server"
)

// fileDates are the dates of files that a test has written.
var fileDates = regexp.MustCompile(`\b20[2-9]\d-\d\d-\d\d\b`)

// lists are the public lists, as a mirror has them.
var lists = map[string]string{
	refdata.FileSpam: "1-best-seo.com\nspam.example\n", refdata.FileSearchEngines: "Zoek:\n  -\n    urls: [zoek.example]\n",
	refdata.FileSocials: "A:\n  - a.example\n", refdata.FileAIAssistants: "B:\n  - b.example\n",
	refdata.FileNumbers: "ASN,Entity\n64500,\"Cloud, Inc.\"\n",
}

// mirror serves lists, which a test may change between commands.
func mirror(t *testing.T) (url string, files map[string]string) {
	t.Helper()
	files = map[string]string{}
	for name, content := range lists {
		files[name] = content
	}
	m := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := files[strings.TrimPrefix(r.URL.Path, "/lists/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if _, err := io.WriteString(w, content); err != nil {
			t.Log("the client has disconnected: ", err)
		}
	}))
	t.Cleanup(m.Close)
	return m.URL + "/lists", files
}

// withData returns a shell with a folder of reference data and no server.
func withData(t *testing.T, folder string) shell {
	t.Helper()
	s := offline()
	s.environ = append(s.environ, "SLUICE_REFDATA_FOLDER="+folder, "SLUICE_SERVER_HEALTH_LISTEN=off")
	return s
}

func TestRefdataUpdate(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	s := withData(t, folder)
	from, files := mirror(t)
	update := func() string {
		return strings.ReplaceAll(s.ok(t, "refdata", "update", "--from", from), folder, "FOLDER")
	}
	golden(t, "refdata-update-new", update())
	golden(t, "refdata-update-unchanged", update())
	files[refdata.FileSpam] += "third.example\nfourth.example\n"
	golden(t, "refdata-update-changed", update())

	// A list that is damaged, gone or of another checksum leaves its file as it is; the others are updated.
	files[refdata.FileSpam] = "<html>"
	delete(files, refdata.FileSocials)
	files[refdata.FileNumbers] += "64501,x\n"
	r := s.run(t, "refdata", "update", "--from", from, "--sha256", refdata.FileAIAssistants+"="+strings.Repeat("0", 64))
	require.Equal(t, exitFailure, r.code)
	golden(t, "refdata-update-failed", strings.ReplaceAll(r.out, folder, "FOLDER"))
	for _, fault := range []string{
		"update referrer_spam.txt from " + from + "/referrer_spam.txt: read the list of hosts: line 1",
		"404 Not Found, want 200", "checksum is ", ", want " + strings.Repeat("0", 64),
	} {
		require.Contains(t, r.err, fault)
	}
	content, err := os.ReadFile(filepath.Join(folder, refdata.FileSpam))
	require.NoError(t, err)
	require.Equal(t, lists[refdata.FileSpam]+"third.example\nfourth.example\n", string(content))

	var views []updatedJSON
	r = s.run(t, "refdata", "update", "--from", from, "--output", "json")
	require.Equal(t, exitFailure, r.code)
	require.NoError(t, json.Unmarshal([]byte(r.out), &views))
	require.Len(t, views, len(lists))
	require.Equal(t, []string{updateFailed, refdata.FileSpam}, []string{views[0].Result, views[0].File})
	require.NotEmpty(t, views[0].Error)
	require.Equal(t, []any{updateUnchanged, 2, 2}, []any{views[4].Result, views[4].Entries, views[4].EntriesBefore})

	// A shorter list is accepted on purpose only.
	files[refdata.FileSpam] = "spam.example\n"
	files[refdata.FileSocials] = lists[refdata.FileSocials]
	r = s.run(t, "refdata", "update", "--from", from)
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.err, "it has 1 entries, the file in use has 4")
	s.ok(t, "refdata", "update", "--from", from, "--allow-shrinking")
}

func TestRefdataUpdateFaults(t *testing.T) {
	t.Parallel()
	s := withData(t, "/nope")
	s.fails(t, "--from: want the URL of a folder, such as https://mirror.example/refdata\n"+
		"--sha256 \"x=1\": want FILE=HEX, 64 hexadecimal digits, where FILE is one of referrer_spam.txt, SearchEngines.yml, "+
		"Socials.yml, AIAssistants.yml, datacentre_asns.csv\n"+
		"--timeout 0s: want more than 0\n"+
		"folder of the reference data: stat /nope: no such file or directory: create it, or set refdata.folder to an existing one",
		"refdata", "update", "--from", "ftp://x", "--sha256", "x=1", "--timeout", "0s")
	require.Equal(t, exitUsage, s.run(t, "refdata", "update").code)
	s = withData(t, t.TempDir())
	r := s.run(t, "refdata", "update", "--from", "http://127.0.0.1:1")
	require.Equal(t, exitUnavailable, r.code)
	require.Contains(t, r.err, "connection refused")
	require.NotContains(t, r.err, "sluice-dev up")
}

// serving runs the health address of a server with a folder of reference data.
func (s shell) serving(t *testing.T, folder string) (shell, *refdata.Store) {
	t.Helper()
	data, err := refdata.Open(refdata.Config{Folder: folder, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+server.RefdataPath, func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(data.Status()); err != nil {
			t.Log("the client has disconnected: ", err)
		}
	})
	health := httptest.NewServer(mux)
	t.Cleanup(health.Close)
	s.environ = append(s.environ, "SLUICE_SERVER_HEALTH_LISTEN="+strings.TrimPrefix(health.URL, "http://"))
	return s, data
}

func TestRefdataStatus(t *testing.T) {
	t.Parallel()
	folder := ingesttest.Folder(t, filepath.Join("..", ".."), map[string]string{refdata.FileSocials: lists[refdata.FileSocials]})
	show := func(name string, s shell) {
		t.Helper()
		text := strings.ReplaceAll(s.ok(t, "refdata", "status"), folder, "FOLDER")
		golden(t, name, fileDates.ReplaceAllString(text, "YYYY-MM-DD"))
	}
	offlineServer := withData(t, folder)
	show("refdata-status", offlineServer)
	s, running := offlineServer.serving(t, folder)
	show("refdata-status-server", s)

	// The file is damaged after the server has loaded it: the server continues with the last good version.
	require.NoError(t, os.WriteFile(filepath.Join(folder, refdata.FileSpam), []byte("<html>"), 0o600))
	running.Reload()
	r := s.run(t, "refdata", "status")
	require.Equal(t, exitFailure, r.code)
	require.Empty(t, r.err)
	require.Regexp(t, `(?m)^referrer spam +damaged +last good `, r.out)
	require.Contains(t, r.out, "referrer spam: damaged: read the list of hosts: line 1: \"<html>\" is no host name: "+
		"little referrer spam is recognised; run `sluice refdata update`\n")
	require.Regexp(t, `server at 127\.0\.0\.1:\d+: referrer spam: it uses the last good version, of \d{4}-\d\d-\d\d: read the list`, r.out)

	var view refdataJSON
	r = s.run(t, "refdata", "status", "--output", "json")
	require.Equal(t, exitFailure, r.code)
	require.NoError(t, json.Unmarshal([]byte(r.out), &view))
	require.Equal(t, folder, view.Folder)
	require.Equal(t, folder, view.Server.Folder)
	require.Equal(t, "last good", view.Server.state("referrer spam"))
	require.Empty(t, view.Server.state("nothing"))
}

// A server that does not answer, or reads another folder, is reported.
func TestRefdataStatusOfAnotherServer(t *testing.T) {
	t.Parallel()
	s := withData(t, t.TempDir())
	require.Contains(t, s.ok(t, "refdata", "status"), "\nthe server is not asked: server.health_listen is off\n")
	other := t.TempDir()
	reading, _ := s.serving(t, other)
	require.Contains(t, reading.ok(t, "refdata", "status"), ": it reads another folder, "+other+"\n")
	s.environ = append(s.environ, "SLUICE_SERVER_HEALTH_LISTEN=127.0.0.1:1")
	require.Contains(t, s.ok(t, "refdata", "status"), "server at 127.0.0.1:1: not known: dial tcp 127.0.0.1:1: connect: connection refused\n")
}
