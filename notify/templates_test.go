package notify_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/notify"
	importstore "github.com/sluicehq/sluice/store/importing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func templates(tb testing.TB) *notify.Templates {
	tb.Helper()
	all, err := notify.LoadTemplates(func(source string) string { return source + "_import" })
	require.NoError(tb, err)
	return all
}

// announcement is one with everything in it.
func announcement(event string) importstore.Announcement {
	first, last := calendar.Day(19358), calendar.Day(19388)
	expires := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return importstore.Announcement{
		ID: "imp_3_0_" + event, Event: event, Detail: "anna: wrong file",
		OccurredAt: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC),
		Import: importstore.AnnouncedImport{
			ID: 3, Site: "example.com", Source: "csv", Label: "CSV export", Status: event,
			StartDate: &first, EndDate: &last, Days: calendar.Set{{First: first + 2, Last: last}},
			RowsRead: 1234578, RowsLoaded: 1234500, RowsRejected: 60, RowsOutOfRange: 7, RowsLeftOut: 11, Warnings: 2, PartsSkipped: 1,
			Error: "imported_pages.csv:3:1: want a date", ErrorClass: "bad_input", RequestedBy: "ben", ReviewExpiresAt: &expires,
		},
	}
}

func events() []string {
	return []string{
		importstore.EventCompleted, importstore.EventUnchanged, importstore.EventFailed, importstore.EventCancelled, importstore.EventDeclined,
		importstore.EventParked, importstore.EventReviewWanted, importstore.EventReviewReminder,
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
		case importstore.EventFailed:
			a.Detail = ""
		case importstore.EventCompleted, importstore.EventUnchanged, importstore.EventReviewWanted, importstore.EventReviewReminder:
			a.Detail, a.Import.Error, a.Import.ErrorClass = "", "", ""
		default:
			a.Import.Error, a.Import.ErrorClass = "", ""
		}
		if event == importstore.EventUnchanged {
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
		a := announcement(importstore.EventFailed)
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
	// An unknown class is reported as an internal error.
	a := announcement(importstore.EventFailed)
	a.Import.ErrorClass = "another"
	r, err := all.Render(a)
	require.NoError(t, err)
	require.Contains(t, r.Text, "The error is in Sluice or its databases")
}

func TestOwnTemplates(t *testing.T) {
	t.Parallel()
	folder := fstest.MapFS{
		"csv_import/success.txt.tmpl": {Data: []byte(`{{define "subject"}}Hooray, {{.Site}}{{end}}{{.Label}}{{template "about" .}}`)},
		"default/failure.html.tmpl":   {Data: []byte(`<p>{{.Reason}}</p>`)},
		"README":                      {Data: []byte("not a template")},
	}
	all, err := notify.LoadTemplates(func(source string) string { return source + "_import" }, folder)
	require.NoError(t, err)
	r, err := all.Render(announcement(importstore.EventCompleted))
	require.NoError(t, err)
	require.Equal(t, "Hooray, example.com", r.Subject)
	require.Equal(t, "CSV exportImport 3 of example.com, 2026-02-01 12:00 UTC, started by ben\n", r.Text)
	require.Contains(t, r.HTML, "has been imported", "what the set lacks comes from the built-in one")

	a := announcement(importstore.EventFailed)
	a.Import.Error = "<b>&</b>"
	r, err = all.Render(a)
	require.NoError(t, err)
	require.Equal(t, "<p>&lt;b&gt;&amp;&lt;/b&gt;</p>", r.HTML)
	require.Equal(t, "CSV export import failed for example.com", r.Subject)

	a = announcement(importstore.EventCompleted)
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
	all, err := notify.LoadTemplates(func(string) string { return "orders_import" },
		fstest.MapFS{"orders_import/success.txt.tmpl": subject("program"), "orders_import/failure.txt.tmpl": subject("program")},
		fstest.MapFS{"orders_import/failure.txt.tmpl": subject("operator")})
	require.NoError(t, err)
	for event, want := range map[string]string{importstore.EventCompleted: "program", importstore.EventFailed: "operator"} {
		r, err := all.Render(announcement(event))
		require.NoError(t, err)
		require.Equal(t, want, r.Subject)
	}
}

// A template that fails for an announcement is replaced by the built-in one.
func TestTemplateFails(t *testing.T) {
	t.Parallel()
	all, err := notify.LoadTemplates(func(string) string { return "default" }, fstest.MapFS{"default/failure.txt.tmpl": {Data: []byte(
		`{{define "subject"}}{{if .Reason}}{{index .Figures 7}}{{end}}{{end}}`)}})
	require.NoError(t, err)
	r, err := all.Render(announcement(importstore.EventFailed))
	require.ErrorContains(t, err, "write the mail's subject")
	require.Equal(t, "CSV export import failed for example.com", r.Subject)
	require.Contains(t, r.Text, "imported_pages.csv:3:1: want a date")
	require.NotEmpty(t, r.HTML)
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
			_, err := notify.LoadTemplates(func(string) string { return "a" }, fstest.MapFS{test.file: {Data: []byte(test.text)}})
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
	action := smtp.New(outbound.Loopback()).Actions()[0]
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
			// What the destination takes is one mail with one recipient.
			data, err := json.Marshal(smtp.Mail{
				Connection: "notify", To: "anna@example.com", Subject: r.Subject, Text: r.Text, HTML: r.HTML,
			})
			require.NoError(t, err)
			job, err := action.Marshal(t.Context(), &destinations.Toolkit{}, destinations.Event{Data: data})
			require.NoError(t, err)
			require.NotContains(t, string(job.Data), `\u0000`)
		}
	})
}

// markUnfit turns what has no place in a subject into a mark.
func markUnfit(r rune) rune {
	if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
		return '\uE000'
	}
	return r
}

// The reason of a cancellation is noted twice, and told once.
func TestReasonAppearsOnce(t *testing.T) {
	t.Parallel()
	a := announcement(importstore.EventCancelled)
	a.Import.Error = a.Detail
	r, err := templates(t).Render(a)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(r.Text, a.Detail))
	require.Equal(t, 1, strings.Count(r.HTML, a.Detail))
}
