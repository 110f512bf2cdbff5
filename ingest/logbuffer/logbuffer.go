// Package logbuffer buffers events of the pipeline, and counts those that it has dropped, in the event log.
package logbuffer

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	// AppendBatch returns once the log has acknowledged the batch.
	AppendBatch(ctx context.Context, partition int, batch eventlog.Batch) (eventlog.Position, error)
}

// Buffer is an ingest.Buffer that writes to the event log. It is safe for concurrent use.
type Buffer struct {
	log     Log
	now     func() time.Time
	unknown unknownDomains
}

// New returns a buffer. Both arguments are required.
func New(log Log, now func() time.Time) (*Buffer, error) {
	if log == nil || now == nil {
		return nil, errors.New("new buffer of the event log: log and clock are required")
	}
	return &Buffer{log: log, now: now}, nil
}

// Write appends the buffered events, those of a partition in their order, and the counts of the dropped ones, by
// site, reason and minute. It returns once all are acknowledged. After an error those of other partitions may be in the
// log.
func (b *Buffer) Write(ctx context.Context, buffered, dropped []ingest.Event) error {
	if len(buffered) == 1 && len(dropped) == 0 {
		// Most requests have one event: it needs neither a map nor a goroutine.
		encoded, err := encode(&buffered[0])
		if err != nil {
			return err
		}
		return b.append(ctx, b.log.Partition(buffered[0].Partition), eventlog.Batch{Records: [][]byte{encoded}})
	}
	partitions := make(map[int]eventlog.Batch, 1)
	for i := range buffered {
		encoded, err := encode(&buffered[i])
		if err != nil {
			return err
		}
		at := b.log.Partition(buffered[i].Partition)
		batch := partitions[at]
		batch.Records = append(batch.Records, encoded)
		partitions[at] = batch
	}
	for _, c := range b.count(dropped) {
		at := b.log.Partition(c.SiteID)
		batch := partitions[at]
		batch.Counters = append(batch.Counters, c)
		partitions[at] = batch
	}
	// A failure in one partition is no reason to give up the others: each event that is
	// acknowledged is one that is not doubled by a retry of the sender.
	var group errgroup.Group
	for partition, batch := range partitions {
		group.Go(func() error { return b.append(ctx, partition, batch) })
	}
	return group.Wait()
}

// append appends a batch, one message after the other if it does not fit one. An error ends it, so that no event
// overtakes an earlier one.
func (b *Buffer) append(ctx context.Context, partition int, batch eventlog.Batch) error {
	for _, part := range batch.Split() {
		if _, err := b.log.AppendBatch(ctx, partition, part); err != nil {
			return fmt.Errorf("append to partition %d: %w", partition, err)
		}
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
		TrackerVersion: e.Request.TrackerVersion, Attributes: row.SessionAttributes,
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
