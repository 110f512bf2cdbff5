package notify

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// View is the data of templates. All texts are single lines; optional ones may be empty.
type View struct {
	// Event is the name of the event, for instance "completed".
	Event string
	// ImportID is the import's number.
	ImportID int64
	// Site is the domain, Source the importer's name, Label the import's label.
	Site, Source, Label string
	// Days are the imported days, for instance "2023-01-01 to 2023-12-31".
	Days string
	// DaysLeftOut are days of the source that were not imported.
	DaysLeftOut string
	// Figures are the numbers of rows.
	Figures []Figure
	// LeftOut lists what was not imported and why.
	LeftOut []string
	// Reason is the error that ended the import.
	Reason string
	// Explanation describes the class of the error, and Next lists the next steps.
	Explanation string
	Next        []Step
	// RequestedBy is the requester of the import.
	RequestedBy string
	// Detail has further information, such as who declined the import and why.
	Detail string
	// Expires is the time at which an undecided review expires.
	Expires string
	// OccurredAt is the time of the event.
	OccurredAt string
}

// Figure is a number with its name.
type Figure struct{ Name, Value string }

// Step is a next step: a text and, unless it is empty, a command.
type Step struct{ Text, Command string }

// timeFormat is unambiguous in all countries.
const timeFormat = "2006-01-02 15:04 MST"

func viewOf(a importstore.Announcement) View {
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
		// The reason of a cancellation or a declined review is in the detail.
		v.Reason = ""
	}
	v.Days = days(i.Days)
	if i.StartDate != nil && i.EndDate != nil && a.Event != importstore.EventUnchanged {
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

// maxRanges is the maximum number of listed ranges of days.
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

func figures(i importstore.AnnouncedImport) []Figure {
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

func leftOut(i importstore.AnnouncedImport, leftOutDays string) []string {
	var lines []string
	if leftOutDays != "" {
		lines = append(lines, "Days that are already imported, late, or without rows: "+leftOutDays)
	}
	if i.RowsRejected > 0 {
		lines = append(lines, fmt.Sprintf("%s rejected; see `sluice import rejects %d`",
			counted(i.RowsRejected, "row"), i.ID))
	}
	if i.RowsOutOfRange > 0 {
		lines = append(lines, counted(i.RowsOutOfRange, "row")+" dated outside the days of their file or report")
	}
	if i.RowsLeftOut > 0 {
		lines = append(lines, counted(i.RowsLeftOut, "row")+" of days that are already imported or late")
	}
	if i.PartsSkipped > 0 {
		lines = append(lines, fmt.Sprintf("%s skipped; see `sluice import parts %d`",
			counted(i.PartsSkipped, "part"), i.ID))
	}
	if i.Warnings > 0 {
		lines = append(lines, fmt.Sprintf("%s in the import's log; see `sluice import logs %d`",
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

// steps returns the next steps for an import that has not failed.
func steps(a importstore.Announcement) []Step {
	switch a.Event {
	case importstore.EventReviewWanted, importstore.EventReviewReminder:
		return []Step{
			{"Show its parts and numbers of rows:", fmt.Sprintf("sluice import show %d", a.Import.ID)},
			{"Show sample rows:", fmt.Sprintf("sluice import preview %d", a.Import.ID)},
			{"Accept it, which makes its rows visible:", fmt.Sprintf("sluice review accept %d", a.Import.ID)},
			{"Or decline it, which purges them:", fmt.Sprintf("sluice review decline %d --reason TEXT", a.Import.ID)},
		}
	case importstore.EventParked:
		return []Step{
			{"Read the import's log:", fmt.Sprintf("sluice import logs %d", a.Import.ID)},
			{"List its parts:", fmt.Sprintf("sluice import parts %d", a.Import.ID)},
			{"Fix the cause, then retry each parked part:", fmt.Sprintf("sluice import retry-part %d PART", a.Import.ID)},
			{"Or skip the part:", fmt.Sprintf("sluice import skip-part %d PART --reason TEXT", a.Import.ID)},
			{"Or cancel the import:", fmt.Sprintf("sluice import cancel %d", a.Import.ID)},
		}
	case importstore.EventCompleted:
		return []Step{{"To delete the import and its rows:", fmt.Sprintf("sluice import delete %d", a.Import.ID)}}
	default:
		return nil
	}
}
