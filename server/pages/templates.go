package pages

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/destinations/flow"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

//go:embed templates
var templateFiles embed.FS

// templates are the pages by name, each with the layout and the parts.
type templates map[string]*template.Template

// parseTemplates reads the embedded templates. assetPath returns the path of an asset.
func parseTemplates(assetPath func(name string) (string, error)) (templates, error) {
	common, err := template.New("").Option("missingkey=error").Funcs(functions).
		Funcs(template.FuncMap{"asset": assetPath}).ParseFS(templateFiles, "templates/layout.html", "templates/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("read the templates of pages: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list the templates of pages: %w", err)
	}
	all := templates{}
	for _, name := range names {
		base := strings.TrimSuffix(path.Base(name), ".html")
		if base == "layout" {
			continue
		}
		page, err := common.Clone()
		if err == nil {
			page, err = page.ParseFS(templateFiles, name)
		}
		if err != nil {
			return nil, fmt.Errorf("read the template %s: %w", base, err)
		}
		all[base] = page
	}
	return all, nil
}

// functions are those of all templates.
var functions = template.FuncMap{
	"number": number, "digits": digits, "bytes": size, "percent": percent, "time": clock, "ago": ago, "lasted": lasted,
	"duration": duration,
	"words":    words, "badge": badge, "dict": dict, "list": func(items ...any) []any { return items }, "advice": advice,
	"plural": plural, "join": func(list []string) string { return strings.Join(list, ", ") },
	"lines":   func(list []string) string { return strings.Join(list, "\n") },
	"payload": payload, "json": indented, "seconds": seconds, "states": statesOf,
	"flow": func(f deliveryclient.Flow) flow.Flow { return flow.Read(f.Name, f.Spec) }, "flowtext": specText,
}

// number groups the digits of a count: 1,389,728.
func number(n any) string {
	switch n := n.(type) {
	case int:
		return humanize.Comma(int64(n))
	case int32:
		return humanize.Comma(int64(n))
	case int64:
		return humanize.Comma(n)
	case *int64:
		if n == nil {
			return "–"
		}
		return humanize.Comma(*n)
	case uint64:
		return humanize.Comma(int64(n))
	case float64:
		return strings.TrimSuffix(humanize.CommafWithDigits(n, 1), ".0")
	default:
		return fmt.Sprint(n)
	}
}

// digits groups the digits of a count that is a text: 1,389,728. Other texts stay.
func digits(text string) string {
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return text
	}
	return number(n)
}

// plural returns "1 row" or "3 rows".
func plural(n any, one, more string) string {
	if text := number(n); text != "1" {
		return text + " " + more
	}
	return "1 " + one
}

// size returns a number of bytes as text: 34 MB.
func size(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }

// percent returns the share of a part in a whole, from 0 to 100.
func percent(part, whole int64) int64 {
	if whole <= 0 {
		return 0
	}
	return min(100, max(0, part)*100/whole)
}

// moment is a time that a template gives: a time.Time, or a pointer to one.
func moment(at any) (time.Time, bool) {
	switch at := at.(type) {
	case time.Time:
		return at, !at.IsZero()
	case *time.Time:
		if at != nil {
			return *at, !at.IsZero()
		}
	}
	return time.Time{}, false
}

// clock returns a time as an element: in UTC, which the script replaces by the time zone of the viewer.
func clock(at any) template.HTML {
	t, ok := moment(at)
	if !ok {
		return dash
	}
	t = t.UTC()
	return timeElement("", t, t.Format("2006-01-02 15:04")+" UTC")
}

// ago returns a time as an element that says how long ago, or in how much time.
func ago(at any) template.HTML {
	t, ok := moment(at)
	if !ok {
		return dash
	}
	t = t.UTC()
	return timeElement(` class="ago"`, t, humanize.Time(t))
}

// timeElement returns a time as an element with its text; a pointer on it shows the time in UTC.
func timeElement(attributes string, utc time.Time, text string) template.HTML {
	return template.HTML(`<time` + attributes + ` datetime="` + utc.Format(time.RFC3339) + //nolint:gosec // no markup
		`" title="` + utc.Format(time.DateTime) + ` UTC">` + text + `</time>`)
}

// dash stands for a missing value.
const dash = template.HTML(`<span class="none" aria-label="none">–</span>`)

// lasted returns how long something took, or has taken so far without an end.
func lasted(from, to any) string {
	begun, ok := moment(from)
	if !ok {
		return "–"
	}
	ended, ok := moment(to)
	if !ok {
		ended = time.Now()
	}
	return duration(ended.Sub(begun))
}

// duration returns a duration as text: 340 ms, 12 s, 3 min 20 s, 2 h 5 min, 3 d 4 h.
func duration(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", max(d, 0).Milliseconds())
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%d min %d s", int(d.Minutes()), int(d.Seconds())%60)
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// seconds returns a duration in seconds as text.
func seconds(n float64) string { return duration(time.Duration(n * float64(time.Second))) }

// words turns the name of a status into words: in_review into "in review".
func words(name string) string { return strings.ReplaceAll(name, "_", " ") }

// tones are the colours of statuses: of imports, parts, jobs, circuits, runs and syncs.
var tones = map[string]string{
	"queued": "wait", "waiting": "wait", "pending": "wait", "acknowledged": "wait", "awaiting": "wait", "held": "wait",
	"running": "busy", "executing": "busy", "deleting": "busy", "syncing": "busy",
	"parked": "warn", "in_review": "warn", "paused": "warn", "unknown": "warn", "late": "warn", "half-open": "warn",
	"completed": "good", "done": "good", "succeeded": "good", "accepted": "good", "current": "good", "healthy": "good",
	"active": "good", "closed": "good", "on time": "good", "valid": "good", "enabled": "good",
	// Of connections.
	"failing": "warn", "missing": "bad",
	// Of flows, their changes and their decisions.
	"faulty": "bad", "fault": "bad", "no_worker": "warn", "job": "good",
	"added": "good", "changed": "idle", "removed": "bad", "passed": "idle", "tagged": "warn", "dropped": "bad",
	"stored": "good",
	"failed": "bad", "stopped": "bad", "discarded": "bad", "open": "bad", "unhealthy": "bad", "error": "bad",
	"revoked": "bad",
	// Of accounts and tokens.
	"expired": "bad", "disabled": "bad",
}

// badge returns a status as an element. Colour is never alone: the text says the same.
func badge(status string) template.HTML {
	tone, ok := tones[status]
	if !ok {
		tone = "idle"
	}
	return template.HTML(`<span class="badge ` + tone + `">` + //nolint:gosec // tone is of tones
		template.HTMLEscapeString(words(status)) + `</span>`)
}

// dict returns a map of pairs, for the parts of templates.
func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, fmt.Errorf("dict: %d arguments: want pairs", len(pairs))
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		name, ok := pairs[i].(string)
		if !ok {
			return nil, fmt.Errorf("dict: argument %d is no name: %v", i, pairs[i])
		}
		m[name] = pairs[i+1]
	}
	return m, nil
}

// advices say what to do about problems of a type, if their details do not.
var advices = map[string]string{
	"/problems/forbidden":   "Ask an administrator for a role that includes it, or for access to the site.",
	"/problems/not-found":   "It may have been deleted, or it belongs to a site that you do not see.",
	"/problems/unavailable": "Reload the page in a moment. If it lasts, see the on-call runbook in docs/operations.md.",
	"/problems/busy":        "Reload the page in a moment.",
	"/problems/no-worker":   "Start a worker that has it: `sluice worker`, or `sluice-dev up` on one machine.",
	"/problems/conflict":    "Its state has changed meanwhile: look at it again below, and choose what is possible now.",
	"/problems/internal":    "Try it again. If it lasts, give the operator of the server the ID of the request.",
}

// advice says what to do about a type of problem, "" if its detail says so.
func advice(problemType string) string { return advices[problemType] }
