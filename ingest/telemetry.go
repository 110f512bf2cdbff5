package ingest

import "time"

// Telemetry receives every buffered and dropped event. Implementations return at once
// and are safe for concurrent use.
type Telemetry interface {
	// Execute reports an event of telemetry: TelemetryEventBuffered or
	// TelemetryEventDropped.
	Execute(name []string, metadata TelemetryMetadata)
}

// TelemetryMetadata describes a buffered or dropped event.
type TelemetryMetadata struct {
	// Domain is the domain as sent. For an event dropped as not_found it is any text of a client:
	// do not make it a label.
	Domain string
	// SiteID is the site, or 0 if it was not found.
	SiteID uint64
	// Reason is the drop reason, or "" for a buffered event.
	Reason DropReason
	// RequestTimestamp is the time of the event.
	RequestTimestamp time.Time
	// TrackerScriptVersion is the version of the tracker's script, or 0.
	TrackerScriptVersion uint16
}

// TelemetryEventBuffered is the name of the telemetry event of a buffered event.
func TelemetryEventBuffered() []string { return []string{"plausible", "ingest", "event", "buffered"} }

// TelemetryEventDropped is the name of the telemetry event of a dropped event.
func TelemetryEventDropped() []string { return []string{"plausible", "ingest", "event", "dropped"} }

// EmitTelemetryBuffered reports a buffered event.
func (p *Pipeline) EmitTelemetryBuffered(e Event) {
	p.config.Telemetry.Execute(TelemetryEventBuffered(), metadata(e, ""))
}

// EmitTelemetryDropped reports a dropped event. The writer reports those that it drops
// after the acknowledgement.
func (p *Pipeline) EmitTelemetryDropped(e Event, reason DropReason) {
	p.config.Telemetry.Execute(TelemetryEventDropped(), metadata(e, reason))
}

func metadata(e Event, reason DropReason) TelemetryMetadata {
	m := TelemetryMetadata{
		Domain: e.Domain, Reason: reason, RequestTimestamp: e.Request.Timestamp,
		TrackerScriptVersion: e.Request.TrackerVersion,
	}
	if e.Site != nil {
		m.SiteID = e.Site.ID
	}
	return m
}

type noTelemetry struct{}

func (noTelemetry) Execute([]string, TelemetryMetadata) {}
