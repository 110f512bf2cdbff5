package email_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/notify/email"
	"github.com/sluicehq/sluice/notify/email/smtptest"
	"github.com/sluicehq/sluice/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func events() []string {
	return []string{
		store.EventCompleted, store.EventUnchanged, store.EventFailed, store.EventCancelled, store.EventDeclined,
		store.EventParked, store.EventReviewWanted, store.EventReviewReminder,
	}
}

// golden compares text with testdata/<name>.
func golden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err, "run the test with -update to write it")
	require.Equal(t, string(want), text)
}

func TestRender(t *testing.T) {
	t.Parallel()
	all := templates(t)
	for _, event := range events() {
		a := announcement(event)
		switch event {
		case store.EventFailed:
			a.Detail = ""
		case store.EventCompleted, store.EventUnchanged, store.EventReviewWanted, store.EventReviewReminder:
			a.Detail, a.Import.Error, a.Import.ErrorClass = "", "", ""
		default:
			a.Import.Error, a.Import.ErrorClass = "", ""
		}
		if event == store.EventUnchanged {
			a.Import.RowsRead, a.Import.RowsLoaded, a.Import.RowsRejected, a.Import.RowsOutOfRange = 0, 0, 0, 0
			a.Import.RowsLeftOut = 0
			a.Import.PartsSkipped, a.Import.Days = 0, nil
		}
		r, err := all.Render(a)
		require.NoError(t, err)
		golden(t, event+".txt", r.Subject+"\n\n"+r.Text)
		golden(t, event+".html", r.HTML)
	}
}

// TestEveryClassHasAdvice: each says something of its own, and what to do.
func TestEveryClassHasAdvice(t *testing.T) {
	t.Parallel()
	all := templates(t)
	seen := map[string]bool{}
	for _, class := range []importers.Class{
		importers.ClassInput, importers.ClassAccess, importers.ClassNoDays, importers.ClassRejects, importers.ClassSource,
		importers.ClassInternal, importers.ClassEnded, importers.ClassCancelled,
	} {
		a := announcement(store.EventFailed)
		a.Import.ErrorClass = string(class)
		r, err := all.Render(a)
		require.NoError(t, err)
		require.Contains(t, r.Text, "The reason: imported_pages.csv:3:1: want a date\n")
		_, next, ok := strings.Cut(r.Text, "What to do next:\n")
		require.True(t, ok)
		require.Contains(t, next, "  - ", class)
		require.False(t, seen[r.Text], class)
		seen[r.Text] = true
	}
	// A class that nobody knows is ours to look at.
	a := announcement(store.EventFailed)
	a.Import.ErrorClass = "another"
	r, err := all.Render(a)
	require.NoError(t, err)
	require.Contains(t, r.Text, "Something went wrong in Sluice itself")
}

func TestOwnTemplates(t *testing.T) {
	t.Parallel()
	folder := fstest.MapFS{
		"csv_import/success.txt.tmpl": {Data: []byte(`{{define "subject"}}Hooray, {{.Site}}{{end}}{{.Label}}{{template "about" .}}`)},
		"default/failure.html.tmpl":   {Data: []byte(`<p>{{.Reason}}</p>`)},
		"README":                      {Data: []byte("not a template")},
	}
	all, err := email.LoadTemplates(func(source string) string { return source + "_import" }, folder)
	require.NoError(t, err)
	r, err := all.Render(announcement(store.EventCompleted))
	require.NoError(t, err)
	require.Equal(t, "Hooray, example.com", r.Subject)
	require.Equal(t, "CSV exportImport 3 of example.com, 2026-02-01 12:00 UTC, started by ben\n", r.Text)
	require.Contains(t, r.HTML, "has been imported", "what the set lacks comes from the built-in one")

	a := announcement(store.EventFailed)
	a.Import.Error = "<b>&</b>"
	r, err = all.Render(a)
	require.NoError(t, err)
	require.Equal(t, "<p>&lt;b&gt;&amp;&lt;/b&gt;</p>", r.HTML)
	require.Equal(t, "CSV export import failed for example.com", r.Subject)

	a = announcement(store.EventCompleted)
	a.Import.Source = "another"
	r, err = all.Render(a)
	require.NoError(t, err)
	require.Equal(t, "CSV export imported for example.com", r.Subject)
}

// A later folder replaces templates of an earlier one, and lacks the others.
func TestLayersOfTemplates(t *testing.T) {
	t.Parallel()
	subject := func(text string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte(`{{define "subject"}}` + text + `{{end}}x`)}
	}
	all, err := email.LoadTemplates(func(string) string { return "orders_import" },
		fstest.MapFS{"orders_import/success.txt.tmpl": subject("program"), "orders_import/failure.txt.tmpl": subject("program")},
		fstest.MapFS{"orders_import/failure.txt.tmpl": subject("operator")})
	require.NoError(t, err)
	for event, want := range map[string]string{store.EventCompleted: "program", store.EventFailed: "operator"} {
		r, err := all.Render(announcement(event))
		require.NoError(t, err)
		require.Equal(t, want, r.Subject)
	}
}

func TestFaultsOfTemplates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ file, text, want string }{
		"no subject": {"a/success.txt.tmpl", "x", `template a/success.txt.tmpl: it does not define the template "subject"`},
		"syntax":     {"a/success.html.tmpl", "{{if}}", "template a/success.html.tmpl: "},
		"field":      {"a/success.html.tmpl", "{{.Nope}}", "can't evaluate field Nope"},
		"unknown":    {"a/party.txt.tmpl", "x", "template a/party.txt.tmpl: want ended, failure, parked, review, success with .txt.tmpl or .html.tmpl"},
		"ending":     {"a/success.tmpl", "x", "template a/success.tmpl: want ended, failure, parked, review, success with"},
		"context":    {"a/success.html.tmpl", "<a href=\"{{if .Site}}\">{{end}}", "success.html.tmpl"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := email.LoadTemplates(func(string) string { return "a" }, fstest.MapFS{test.file: {Data: []byte(test.text)}})
			require.ErrorContains(t, err, test.want)
		})
	}
}

// FuzzRender: whatever people and servers have written, a subject is one line, the
// mail's head has our headers only, and nothing of the text becomes markup.
func FuzzRender(f *testing.F) {
	for _, seed := range []string{
		"CSV export", "a\r\nBcc: eve@example.com", "a\nb", "a\rb", "\x00", "a\u2028b\u0085c", "=?utf-8?q?=0D=0ABcc:?=",
		"<script>alert(1)</script>", "\"'><img src=x>", "\xff\xfe", "{{.Site}}", "\u202eexe", strings.Repeat("ä", 5000),
		".\r\n.\r\nQUIT\r\n", "\r\n\r\n", "😀", "a\tb", " ", "--",
	} {
		f.Add(seed, seed)
	}
	all := templates(f)
	server := smtptest.Start(f, smtptest.Config{})
	s, err := email.New(server.Settings(), all)
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, label, reason string) {
		for _, event := range events() {
			a := announcement(event)
			a.Import.Label, a.Import.Error, a.Detail, a.Import.RequestedBy = label, reason, reason, label
			r, err := all.Render(a)
			require.NoError(t, err)
			require.NotContains(t, strings.Map(markUnfit, strings.ReplaceAll(r.Subject, "\uE000", "")), "\uE000")
			require.LessOrEqual(t, len([]rune(r.Subject)), 200)
			require.NotContains(t, r.HTML, "<script")
			require.NotContains(t, r.HTML, "<img")
			m := message(event)
			m.Announcement = a
			raw, err := email.Compose(s, m)
			require.NoError(t, err)
			head, _, ok := strings.Cut(raw, "\r\n\r\n")
			require.True(t, ok)
			require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\n")
			require.NotContains(t, strings.ReplaceAll(head, "\r\n", ""), "\r")
			requireHeaders(t, head)
		}
	})
}

// requireHeaders makes sure that the head has each of our headers once, and no other.
func requireHeaders(t *testing.T, head string) {
	t.Helper()
	seen := map[string]int{}
	for line := range strings.SplitSeq(head, "\r\n") {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			continue
		}
		name, _, ok := strings.Cut(line, ":")
		require.True(t, ok, line)
		seen[name]++
	}
	for _, name := range []string{
		"Date", "MIME-Version", "Message-ID", "Subject", "User-Agent", "From", "To", "Auto-Submitted",
		"X-Auto-Response-Suppress", "Content-Type",
	} {
		require.Equal(t, 1, seen[name], name)
		delete(seen, name)
	}
	delete(seen, "X-Mailer")
	require.Empty(t, seen)
}

// markUnfit turns what has no place in a subject into a mark.
func markUnfit(r rune) rune {
	if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
		return '\uE000'
	}
	return r
}

// The reason of a cancellation is noted twice, and told once.
func TestReasonIsToldOnce(t *testing.T) {
	t.Parallel()
	a := announcement(store.EventCancelled)
	a.Import.Error = a.Detail
	r, err := templates(t).Render(a)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(r.Text, a.Detail))
	require.Equal(t, 1, strings.Count(r.HTML, a.Detail))
}
