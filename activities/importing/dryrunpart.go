package importing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/loading"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// DryRunPart is what the beginning of a part has shown.
type DryRunPart struct {
	Part  int    `json:"part"`
	Table string `json:"table"`
	Label string `json:"label"`
	// Bytes is how much there is to read, and BytesRead how much was; 0 if unknown.
	Bytes     int64 `json:"bytes"`
	BytesRead int64 `json:"bytes_read"`
	// The rows of the first chunk: RowsRead = good + rejected + out of range + left out.
	RowsRead       int64 `json:"rows_read"`
	RowsRejected   int64 `json:"rows_rejected"`
	RowsOutOfRange int64 `json:"rows_out_of_range"`
	RowsLeftOut    int64 `json:"rows_left_out"`
	// Complete says that this was all of it.
	Complete bool `json:"complete"`
	// Columns and Sample are some good rows, as text.
	Columns []string   `json:"columns"`
	Sample  [][]string `json:"sample"`
	// Rejects are some of those that cannot be loaded.
	Rejects []DryRunReject `json:"rejects"`
	// EstimatedRows is how many rows the part has, by bytes; null if that is unknown.
	EstimatedRows *int64 `json:"estimated_rows"`
	// Error is what the part would fail with.
	Error string `json:"error,omitempty"`

	took time.Duration
	// claims are the days that the part would bring in, and warnings what its import's log
	// would say of it, if it was read to its end.
	claims   calendar.Set
	warnings []string
}

// DryRunReject is a row that cannot be loaded.
type DryRunReject struct {
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Column string `json:"column"`
	Reason string `json:"reason"`
}

// DryRunEstimate is how large the whole import is, judged by what was read.
type DryRunEstimate struct {
	// EstimatedRows is null if it is unknown.
	EstimatedRows *int64 `json:"estimated_rows"`
	// EstimatedSeconds is how long loading takes at RowsPerSecond; null if unknown.
	EstimatedSeconds *float64 `json:"estimated_seconds"`
	RowsPerSecond    int64    `json:"rows_per_second"`
	// SpeedIs says where that speed is from: SpeedSample or SpeedRate.
	SpeedIs string `json:"speed_is"`
}

// Where the speed of an estimate is from.
const (
	// SpeedSample is as fast as the sample was read, by as many readers as there would be.
	SpeedSample = "as fast as the sample was read"
	// SpeedRate is the requested rate.
	SpeedRate = "the requested rate"
)

// How much of a part is shown.
const (
	sampleRows    = 3
	sampleRejects = 5
	maxSampleCell = 60
)

// samplePart reads the first chunk of a part. What is wrong is in the part's report too.
func samplePart(
	ctx context.Context, s subject, part importers.Part, limit loading.RejectLimit,
) (DryRunPart, error) {
	p := DryRunPart{
		Part: part.No, Table: part.Table.Name, Label: inbound.Cut(part.Label, importers.MaxLabel), Bytes: part.Bytes,
		Columns: part.Table.ColumnNames(), Sample: [][]string{}, Rejects: []DryRunReject{},
	}
	short, cancel := context.WithTimeout(ctx, dryRunPartTime)
	defer cancel()
	chunk := importers.NewChunk(part.Table)
	start := time.Now()
	var confirmed calendar.Set
	err := recovered(func() (err error) { confirmed, err = readFirst(short, s, part, chunk); return err })
	p.took = time.Since(start)
	if short.Err() != nil && ctx.Err() == nil && err != nil {
		// A slow source is no fault of it.
		p.Error = fmt.Sprintf("not looked into: the first rows take longer than %s", dryRunPartTime)
		return p, nil
	}
	if errors.Is(err, io.EOF) {
		chunk.Reset()
		p.Complete, p.EstimatedRows, err = true, new(int64), nil
	} else if err == nil {
		p.describe(chunk)
	}
	if err == nil {
		p.claims, p.warnings, err = limit.Rehearse(part, s.imp.Window, chunk, p.Complete, confirmed)
	}
	if err != nil {
		p.Error = inbound.Cut(err.Error(), activities.MaxMessage)
	}
	return p, err
}

// readFirst fills the chunk with the part's first rows. If there are none, it returns io.EOF
// and the days that the source has confirmed as empty.
func readFirst(
	ctx context.Context, s subject, part importers.Part, chunk *importers.Chunk,
) (confirmed calendar.Set, err error) {
	reader, err := s.importer.ImportData(ctx, s.imp, part, "")
	if err != nil {
		return nil, loading.About(part.Label, "open", err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	err = reader.Next(ctx, chunk)
	if confirmer, ok := reader.(importers.Confirmer); ok && errors.Is(err, io.EOF) {
		confirmed = confirmer.Confirmed()
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, loading.About(part.Label, "read", err)
	}
	return confirmed, err
}

func (p *DryRunPart) describe(c *importers.Chunk) {
	p.RowsRead, p.RowsRejected, p.RowsOutOfRange, p.RowsLeftOut, p.BytesRead =
		c.RowsRead, int64(len(c.Rejects)), c.OutOfRange, c.LeftOut, c.Bytes
	p.Sample = sample(c.Rows, sampleRows)
	for _, r := range c.Rejects[:min(len(c.Rejects), sampleRejects)] {
		p.Rejects = append(p.Rejects, DryRunReject{
			File: inbound.Cut(r.File, importers.MaxLabel), Line: r.Line, Column: r.Column,
			Reason: inbound.Cut(r.Reason, importers.MaxReason),
		})
	}
	switch {
	case p.Bytes > 0 && p.BytesRead >= p.Bytes:
		p.Complete, p.EstimatedRows = true, &p.RowsRead
	case p.Bytes > 0 && p.BytesRead > 0:
		rows := int64(float64(p.RowsRead) * float64(p.Bytes) / float64(p.BytesRead))
		p.EstimatedRows = &rows
	}
}

// sample returns the first rows of a batch as text.
func sample(b *schema.Batch, rows int) [][]string {
	rows = min(rows, b.Rows())
	all := make([][]string, rows)
	for i, column := range b.Table().Columns {
		var texts []string
		if column.Kind == schema.KindString {
			texts = b.Strings(i, nil)
		}
		for row := range all {
			var cell string
			switch column.Kind {
			case schema.KindDate:
				cell = calendar.Day(b.Dates(i)[row]).String()
			case schema.KindUint64:
				cell = strconv.FormatUint(b.Uint64s(i)[row], 10)
			case schema.KindUint32:
				cell = strconv.FormatUint(uint64(b.Uint32s(i)[row]), 10)
			case schema.KindString:
				cell = inbound.Cut(texts[row], maxSampleCell)
			}
			all[row] = append(all[row], cell)
		}
	}
	return all
}

// estimate judges the whole import by the parts that were looked into.
func (r *DryRunReport) estimate(asked DryRunRequest) {
	var rows, known, sampled int64
	var took time.Duration
	for _, p := range r.Parts {
		sampled += p.RowsRead
		took += p.took
		if p.EstimatedRows == nil {
			continue
		}
		rows += *p.EstimatedRows
		known += p.Bytes
	}
	switch {
	case len(r.Parts) == r.PartsTotal && !unknown(r.Parts):
	case known > 0 && r.BytesTotal > 0:
		// The other parts are taken to have rows of the same size.
		rows = int64(float64(rows) * float64(r.BytesTotal) / float64(known))
	default:
		return
	}
	r.EstimatedRows = &rows
	if took > 0 {
		readers := max(1, min(asked.Parallelism, r.PartsTotal))
		r.RowsPerSecond, r.SpeedIs = int64(float64(sampled)/took.Seconds())*int64(readers), SpeedSample
	}
	if asked.RowsPerSecond > 0 && (r.RowsPerSecond == 0 || asked.RowsPerSecond < r.RowsPerSecond) {
		r.RowsPerSecond, r.SpeedIs = asked.RowsPerSecond, SpeedRate
	}
	if r.RowsPerSecond > 0 {
		seconds := float64(rows) / float64(r.RowsPerSecond)
		r.EstimatedSeconds = &seconds
	}
}

// unknown says whether the size of one of the parts is not known.
func unknown(parts []DryRunPart) bool {
	for _, p := range parts {
		if p.EstimatedRows == nil {
			return true
		}
	}
	return false
}

// fit makes the report small enough for a history: samples go first, then rejects, then
// the log.
func (r *DryRunReport) fit() error {
	for step := 0; ; step++ {
		data, err := json.Marshal(r)
		if err != nil {
			return fmt.Errorf("encode the report: %w", err)
		}
		if len(data) <= MaxDryRunResult {
			return nil
		}
		switch left := sampleRows - 1 - step; {
		case left >= 0:
			for i := range r.Parts {
				r.Parts[i].Sample = r.Parts[i].Sample[:min(left, len(r.Parts[i].Sample))]
			}
		case left == -1:
			for i := range r.Parts {
				r.Parts[i].Rejects = r.Parts[i].Rejects[:min(1, len(r.Parts[i].Rejects))]
				r.Parts[i].Error = inbound.Cut(r.Parts[i].Error, maxLine)
			}
		case left == -2:
			r.Log = r.Log[:min(10, len(r.Log))]
		default:
			r.Locks, r.Parts = r.Locks[:min(10, len(r.Locks))], r.Parts[:len(r.Parts)/2]
		}
	}
}

// recovered turns a panic of an importer into an error.
func recovered(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the importer panicked: %v", p)
		}
	}()
	return fn()
}
