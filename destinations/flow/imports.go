package flow

import (
	"slices"
	"strings"

	"github.com/sluicehq/sluice/destinations"
)

// SourceImport is the source of all events of imports. No other source may use it: flows identify
// events of imports by it.
const SourceImport = "import"

// SourceSluice is the source of the events that notify of imports. Flows do not see them.
const SourceSluice = "sluice"

// EventRecord is the name of the event that stands for a row of an import.
const EventRecord = "record"

// The statuses that imports end with.
const (
	EndCompleted = "completed"
	EndUnchanged = "unchanged"
	EndFailed    = "failed"
	EndCancelled = "cancelled"
	EndDeclined  = "declined"
)

// Ends returns the statuses that imports end with.
func Ends() []string {
	return []string{EndCompleted, EndUnchanged, EndFailed, EndCancelled, EndDeclined}
}

// EndEvent is the name of the event that says that an import has ended with a status,
// such as import.completed.
func EndEvent(status string) string { return "import." + status }

// EndEvents returns the names of the ends that imports can have.
func EndEvents() []string {
	events := Ends()
	for i, status := range events {
		events[i] = EndEvent(status)
	}
	return events
}

// WantsEnd says whether the flow could make jobs of such an end of such an import. It looks
// at the flow's origin and at nothing else, so that it also answers for a flow that cannot
// be compiled here.
func (f *Flow) WantsEnd(importer, status string) bool {
	return f.wantsImport(importer) && !f.Records && pattern(f.Event).MatchString(EndEvent(status))
}

// WantsRecords says whether the flow could make jobs of the rows of such an import, in the
// same way.
func (f *Flow) WantsRecords(importer string) bool { return f.wantsImport(importer) && f.Records }

func (f *Flow) wantsImport(importer string) bool {
	return !f.Disabled && f.Import != "" && pattern(f.Import).MatchString(importer)
}

// origin checks what a flow is about.
func (c *compiler) origin(f *Flow, r rule) {
	if f.Source == SourceSluice {
		c.fault(f, "from.source", "flows do not see events of the source %s: want another one, or import", f.Source)
	}
	if f.Import == "" {
		if f.Records {
			c.fault(f, "from.records", `records are those of imports: want import beside it, "*" for any`)
		}
		return
	}
	if f.Source != "" {
		c.fault(f, "from.source", "it is a flow about imports, which have no source: want either import or source")
	}
	switch ends := EndEvents(); {
	case f.Records && f.Event != "":
		c.fault(f, "from.event", "it is a flow about records, which are all called %s: want either records or event",
			EventRecord)
	case !f.Records && !slices.ContainsFunc(ends, r.event.MatchString):
		c.fault(f, "from.event", "imports do not end as %q: want one of %s, or a pattern for some of them",
			f.Event, strings.Join(ends, ", "))
	}
}

// isFor says whether a flow is for an event, which comes from an importer if it is an import's.
// No flow is for a notification: one that failed would notify again.
func (r rule) isFor(e destinations.Event, importer string) bool {
	switch {
	case e.Source == SourceSluice || (e.Source == SourceImport) != (r.Import != ""):
		return false
	case r.Import == "":
		return r.source.MatchString(e.Source) && r.event.MatchString(e.Name)
	case r.Records != (e.Name == EventRecord):
		return false
	default:
		return r.importer.MatchString(importer) && (r.Records || r.event.MatchString(e.Name))
	}
}

// importerOf returns the importer that an import's event is from, "" if it does not say so.
func importerOf(env Env) string {
	name, ok := env.Context["importer"].(string)
	if !ok {
		return ""
	}
	return name
}
