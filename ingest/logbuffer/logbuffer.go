// Package logbuffer buffers events of the pipeline in the event log.
package logbuffer

import (
	"context"
	"errors"
	"fmt"

	"github.com/shopspring/decimal"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/request"
)

// Log is the part of the event log that the buffer needs, as *eventlog.Log is.
type Log interface {
	// Partition returns the partition of a hash.
	Partition(hash uint64) int
	// Append returns once the log has acknowledged the records.
	Append(ctx context.Context, partition int, records ...[]byte) (eventlog.Position, error)
}

// Buffer is an ingest.Buffer that writes to the event log. It is safe for concurrent use.
type Buffer struct{ log Log }

// New returns a buffer.
func New(log Log) (*Buffer, error) {
	if log == nil {
		return nil, errors.New("new buffer of the event log: log is missing")
	}
	return &Buffer{log: log}, nil
}

// Write appends the events, those of a partition in their order, and returns once all are
// acknowledged. After an error those of other partitions may be in the log.
func (b *Buffer) Write(ctx context.Context, events []ingest.Event) error {
	if len(events) == 1 {
		// Most requests have one event: it needs neither a map nor a goroutine.
		encoded, err := encode(&events[0])
		if err != nil {
			return err
		}
		return b.append(ctx, b.log.Partition(events[0].Partition), encoded)
	}
	partitions := make(map[int][][]byte, 1)
	for i := range events {
		encoded, err := encode(&events[i])
		if err != nil {
			return err
		}
		at := b.log.Partition(events[i].Partition)
		partitions[at] = append(partitions[at], encoded)
	}
	// A failure in one partition is no reason to give up the others: each event that is
	// acknowledged is one that is not doubled by a retry of the sender.
	var group errgroup.Group
	for partition, records := range partitions {
		group.Go(func() error { return b.append(ctx, partition, records...) })
	}
	return group.Wait()
}

func (b *Buffer) append(ctx context.Context, partition int, records ...[]byte) error {
	if _, err := b.log.Append(ctx, partition, records...); err != nil {
		return fmt.Errorf("append to partition %d: %w", partition, err)
	}
	return nil
}

// usualRecord is what most records have at most, in bytes.
const usualRecord = 512

func encode(e *ingest.Event) ([]byte, error) {
	r, err := Record(e)
	if err != nil {
		return nil, fmt.Errorf("encode an event of %s: %w", e.Domain, err)
	}
	return record.Append(make([]byte, 0, usualRecord), r), nil
}

var (
	_ ingest.Buffer = (*Buffer)(nil)
	_ Log           = (*eventlog.Log)(nil)
)

// errNoRow says that an event has not come through the pipeline.
var errNoRow = errors.New("the event has no row: only buffered events are written")

// Record returns the record of an event. It holds what the row holds, and neither an
// address nor a user agent.
func Record(e *ingest.Event) (record.Record, error) {
	row := e.ClickHouseEvent
	if e.Dropped || row == nil || len(row.MetaKey) != len(row.MetaValue) {
		return record.Record{}, errNoRow
	}
	out := &record.Event{
		SiteID: row.SiteID, Domain: e.Site.Domain, UserID: row.UserID, PreviousUserID: e.PreviousUserID,
		Timestamp: row.Timestamp.Unix(), Day: row.Day, Name: row.Name, Hostname: row.Hostname, Pathname: row.Pathname,
		Interactive: row.Interactive, ScrollDepth: row.ScrollDepth, EngagementTime: row.EngagementTime,
		TrackerVersion: e.Request.TrackerVersion, Attributes: attributes(&row.SessionAttributes),
	}
	for i, key := range row.MetaKey {
		out.Props = append(out.Props, record.Prop{Key: key, Value: row.MetaValue[i]})
	}
	out.Revenue = revenue(&row.EventAttributes)
	return record.Record{Event: out}, nil
}

// revenue returns the amounts in thousandths, or nil. An amount that could not be converted
// has no reporting currency.
func revenue(a *ingest.EventAttributes) *record.Revenue {
	if a.RevenueSourceAmount == nil {
		return nil
	}
	r := &record.Revenue{SourceAmount: thousandths(*a.RevenueSourceAmount), SourceCurrency: a.RevenueSourceCurrency}
	if a.RevenueReportingAmount != nil {
		r.ReportingAmount = thousandths(*a.RevenueReportingAmount)
		r.ReportingCurrency = a.RevenueReportingCurrency
	}
	return r
}

// thousandths is exact: the pipeline has rounded amounts to request.AmountScale decimals and
// bounded them.
func thousandths(amount decimal.Decimal) int64 {
	return amount.Shift(request.AmountScale).IntPart()
}

func attributes(s *ingest.SessionAttributes) record.Attributes {
	return record.Attributes{
		Referrer: s.Referrer, ReferrerSource: s.ReferrerSource, UTMMedium: s.UTMMedium, UTMSource: s.UTMSource,
		UTMCampaign: s.UTMCampaign, UTMContent: s.UTMContent, UTMTerm: s.UTMTerm, ClickIDParam: s.ClickIDParam,
		AcquisitionChannel: s.AcquisitionChannel, CountryCode: s.CountryCode, Subdivision1Code: s.Subdivision1Code,
		Subdivision2Code: s.Subdivision2Code, CityGeonameID: s.CityGeonameID, ScreenSize: s.ScreenSize,
		OperatingSystem: s.OperatingSystem, OperatingSystemVersion: s.OperatingSystemVersion,
		Browser: s.Browser, BrowserVersion: s.BrowserVersion,
	}
}
