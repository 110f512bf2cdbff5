package notify

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
)

// View is what templates are given. All texts are single lines; those that may be
// missing are empty then.
type View struct {
	// Event is what has happened, for instance "completed".
	Event string
	// ImportID is the import's number.
	ImportID int64
	// Site is the domain, Source the importer's name, Label what the import is called.
	Site, Source, Label string
	// Days are the days that were imported, for instance "2023-01-01 to 2023-12-31".
	Days string
	// DaysLeftOut are those that the source has and that were not imported.
	DaysLeftOut string
	// Figures are the numbers of rows.
	Figures []Figure
	// LeftOut says what is missing and why, a line each.
	LeftOut []string
	// Reason is why the import failed, in the words of whoever noticed.
	Reason string
	// Explanation says what kind of fault that is, and Next what to do about it.
	Explanation string
	Next        []Step
	// RequestedBy has started the import.
	RequestedBy string
	// Detail says more, such as who has declined and why.
	Detail string
	// Expires is until when a decision is awaited.
	Expires string
	// When it happened.
	OccurredAt string
}

// Figure is a number with its name.
type Figure struct{ Name, Value string }

// Step is something to do: a text and, unless it is empty, a command.
type Step struct{ Text, Command string }

// timeFormat is for people in any country.
const timeFormat = "2006-01-02 15:04 MST"

func viewOf(a store.Announcement) View {
	i := a.Import
	v := View{
		Event: a.Event, ImportID: i.ID,
		Site: smtp.Line(i.Site, maxField), Source: smtp.Line(i.Source, maxField), Label: smtp.Line(i.Label, maxField),
		Reason: smtp.Line(i.Error, maxReason), RequestedBy: smtp.Line(i.RequestedBy, maxField),
		Detail:     smtp.Line(a.Detail, maxReason),
		OccurredAt: a.OccurredAt.UTC().Format(timeFormat),
	}
	if i.ReviewExpiresAt != nil {
		v.Expires = i.ReviewExpiresAt.UTC().Format(timeFormat)
	}
	if kindOf(a.Event) == "failure" {
		v.Explanation, v.Next = advice(importers.Class(i.ErrorClass), i)
		return v
	}
	if v.Detail == v.Reason {
		// Whoever ended it gave the reason once, and it was noted twice.
		v.Reason = ""
	}
	v.Days = days(i.Days)
	if i.StartDate != nil && i.EndDate != nil && a.Event != store.EventUnchanged {
		source := calendar.Range{First: *i.StartDate, Last: *i.EndDate}
		if source.Validate() == nil {
			v.DaysLeftOut = days(calendar.NewSet(source).Minus(i.Days))
		}
	}
	v.Figures = figures(i)
	v.LeftOut = leftOut(i, v.DaysLeftOut)
	v.Next = steps(a)
	return v
}

// maxRanges is how many ranges of days are listed.
const maxRanges = 10

func days(set calendar.Set) string {
	var all []string
	for n, r := range set {
		if n == maxRanges {
			all = append(all, fmt.Sprintf("and %d more", len(set)-n))
			break
		}
		if r.First == r.Last {
			all = append(all, r.First.String())
			continue
		}
		all = append(all, r.First.String()+" to "+r.Last.String())
	}
	return strings.Join(all, ", ")
}

func figures(i store.AnnouncedImport) []Figure {
	if i.RowsRead == 0 && i.RowsLoaded == 0 {
		return nil
	}
	return []Figure{
		{"Rows read", humanize.Comma(i.RowsRead)},
		{"Rows loaded", humanize.Comma(i.RowsLoaded)},
		{"Rows rejected", humanize.Comma(i.RowsRejected)},
		{"Rows out of range", humanize.Comma(i.RowsOutOfRange)},
		{"Rows left out", humanize.Comma(i.RowsLeftOut)},
	}
}

func leftOut(i store.AnnouncedImport, leftOutDays string) []string {
	var lines []string
	if leftOutDays != "" {
		lines = append(lines, "Days that were imported before, are too late, or have no rows: "+leftOutDays)
	}
	if i.RowsRejected > 0 {
		lines = append(lines, fmt.Sprintf("%s that could not be read; `sluice import rejects %d` shows more",
			counted(i.RowsRejected, "row"), i.ID))
	}
	if i.RowsOutOfRange > 0 {
		lines = append(lines, counted(i.RowsOutOfRange, "row")+" dated outside the days in their own file's name or request")
	}
	if i.RowsLeftOut > 0 {
		lines = append(lines, counted(i.RowsLeftOut, "row")+" of days that are imported already or too late")
	}
	if i.PartsSkipped > 0 {
		lines = append(lines, fmt.Sprintf("%s that somebody has skipped; `sluice import parts %d` shows which",
			counted(i.PartsSkipped, "part"), i.ID))
	}
	if i.Warnings > 0 {
		lines = append(lines, fmt.Sprintf("%s in the import's log; `sluice import logs %d` shows more",
			counted(i.Warnings, "warning"), i.ID))
	}
	return lines
}

func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return humanize.Comma(n) + " " + noun
}

// steps says what can be done about an import that has not failed.
func steps(a store.Announcement) []Step {
	switch a.Event {
	case store.EventReviewWanted, store.EventReviewReminder:
		return []Step{
			{"Its parts and figures:", fmt.Sprintf("sluice import show %d", a.Import.ID)},
			{"Some of its rows:", fmt.Sprintf("sluice import preview %d", a.Import.ID)},
			{"Make its rows visible:", fmt.Sprintf("sluice review accept %d", a.Import.ID)},
			{"Or throw them away:", fmt.Sprintf("sluice review decline %d --reason TEXT", a.Import.ID)},
		}
	case store.EventParked:
		return []Step{
			{"What happened, line by line:", fmt.Sprintf("sluice import logs %d", a.Import.ID)},
			{"Its parts:", fmt.Sprintf("sluice import parts %d", a.Import.ID)},
			{"Once the cause is mended, retry each parked part:", fmt.Sprintf("sluice import retry-part %d PART", a.Import.ID)},
			{"Or leave it out:", fmt.Sprintf("sluice import skip-part %d PART --reason TEXT", a.Import.ID)},
			{"Or end the import:", fmt.Sprintf("sluice import cancel %d", a.Import.ID)},
		}
	case store.EventCompleted:
		return []Step{{"To take it back:", fmt.Sprintf("sluice import delete %d", a.Import.ID)}}
	default:
		return nil
	}
}
