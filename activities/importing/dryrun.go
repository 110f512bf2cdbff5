package importing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/internal/loading"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// DryRunRequest requests a report of what an import would do.
type DryRunRequest struct {
	Site   string          `json:"site"`
	Source string          `json:"source"`
	Args   json.RawMessage `json:"args"`
	// Review says whether its rows would wait for a decision.
	Review bool `json:"review,omitempty"`
	// RowsPerSecond is how fast it may load; 0 is as fast as it goes.
	RowsPerSecond  int64   `json:"rows_per_second,omitempty"`
	ChunkBytes     int     `json:"chunk_bytes"`
	Parallelism    int     `json:"parallelism"`
	MaxRejects     int64   `json:"max_rejects"`
	MaxRejectShare float64 `json:"max_reject_share"`
	// MaxRejectCeiling is the share of a whole part's rows that may be rejected.
	MaxRejectCeiling float64 `json:"max_reject_ceiling,omitempty"`
	// Dependencies are what it would lock.
	Dependencies []importers.Dependency `json:"dependencies,omitempty"`
}

// Bounds of a dry run: a person waits for it, and a history stores its result.
const (
	// DryRunTimeout bounds all of it.
	DryRunTimeout = 150 * time.Second
	// MaxDryRunParts is how many parts are looked into.
	MaxDryRunParts = 10
	// MaxDryRunResult is how large a report is, in bytes of JSON.
	MaxDryRunResult = 48 << 10

	dryRunRows     = 10_000
	dryRunSampling = time.Minute
	dryRunPartTime = 10 * time.Second
	dryRunHolders  = 20
)

// DryRunReport is what an import would do. Nothing was written to find out.
type DryRunReport struct {
	Site   string `json:"site"`
	Source string `json:"source"`
	// SourceDays are the days that the source has, and Days those of them that would be
	// imported. Log says what would be left out, and why.
	SourceDays string `json:"source_days"`
	Days       string `json:"days"`
	// Unchanged says why there is nothing to import, if there is not.
	Unchanged string `json:"unchanged,omitempty"`
	// Review says whether the rows would wait for a decision.
	Review bool         `json:"review"`
	Locks  []DryRunLock `json:"locks"`
	// PartsTotal and BytesTotal are of the whole plan, in the importer's unit.
	PartsTotal int   `json:"parts_total"`
	BytesTotal int64 `json:"bytes_total"`
	// Parts are those that were looked into.
	Parts []DryRunPart `json:"parts"`
	DryRunEstimate
	// Log is what a run would write into the import's log up to here.
	Log []DryRunLine `json:"log"`
	// WaitUntil is until when the import would wait for its source, if it would.
	WaitUntil *time.Time `json:"wait_until,omitempty"`
	// Error is what the import would fail with, and Class its class; "" if it would not.
	Error string `json:"error,omitempty"`
	Class string `json:"error_class,omitempty"`
}

// DryRunLock is a resource that the import would lock, and who has it now.
type DryRunLock struct {
	Resource string `json:"resource"`
	Shared   bool   `json:"shared"`
	// Holders are imports that have it, and Waiting those that wait for it.
	Holders []int64 `json:"holders"`
	Waiting []int64 `json:"waiting"`
	// Free says that the import would get it at once.
	Free bool `json:"free"`
}

// DryRunLine is a line of the log that there would be.
type DryRunLine struct {
	Level   string `json:"level"`
	Message string `json:"message"`
}

// DryRuns tells what imports would do.
type DryRuns struct {
	*Lifecycle
}

// DryRun goes the way of an import as far as it can without writing anything. What the
// import would fail with is part of the report; the error is a fault of Sluice's own.
func (d *DryRuns) DryRun(ctx context.Context, r DryRunRequest) (DryRunReport, error) {
	report := DryRunReport{
		Site: r.Site, Source: r.Source, Review: r.Review,
		Parts: []DryRunPart{}, Locks: []DryRunLock{}, Log: []DryRunLine{},
	}
	log := &collected{}
	s, err := d.subject(ctx, r, log)
	if err == nil {
		report.Locks, err = d.locksOf(ctx, r.Dependencies)
	}
	if err != nil {
		return report, activities.Failure(err)
	}
	bounded, cancel := context.WithTimeoutCause(ctx, DryRunTimeout, fmt.Errorf("it took longer than %s", DryRunTimeout))
	defer cancel()
	err = recovered(func() error { return d.rehearse(bounded, s, r, &report) })
	if cleaner, ok := s.importer.(importers.Cleaner); ok {
		// Clean up on every end, as after a run, also after the timeout.
		cleaning, stop := context.WithTimeout(context.WithoutCancel(ctx), dryRunPartTime)
		defer stop()
		if late := recovered(func() error { return cleaner.CleanUp(cleaning, s.imp) }); late != nil {
			// It would not keep an import from ending well either.
			log.add(importstore.LevelWarn, "Cleaning up failed: "+late.Error())
		}
	}
	if ctx.Err() != nil {
		return report, activities.Failure(activities.Cause(ctx, ctx.Err()))
	}
	if bounded.Err() != nil && err != nil {
		err = fmt.Errorf("%w: %w", context.Cause(bounded), err)
	}
	report.Log = append(report.Log, log.lines...)
	report.end(err)
	return report, activities.Failure(report.fit())
}

// subject is an import that does not exist. Its number is negative, and the run's own.
func (d *DryRuns) subject(ctx context.Context, r DryRunRequest, log importers.Feedback) (subject, error) {
	site, err := d.Store.Site(ctx, r.Site)
	if err != nil {
		return subject{}, err
	}
	importer, err := d.Registry.Lookup(r.Source)
	if err != nil {
		return subject{}, importers.Permanent(importers.ClassInput, err)
	}
	number := fnv.New32a()
	if _, err := number.Write([]byte(runOf(ctx))); err != nil {
		return subject{}, err
	}
	id := -1 - int64(number.Sum32())
	return subject{
		stored: importstore.Import{ID: id, SiteID: site.ID, Source: r.Source, Args: r.Args}, site: site, importer: importer,
		imp: importers.Import{
			ID: id, Site: importers.Site{ID: site.ID, Domain: site.Domain, TimeZone: site.TimeZone}, Args: r.Args,
			Chunk: importers.ChunkLimit{Rows: dryRunRows, Bytes: r.ChunkBytes}, Feedback: log,
			Connections: d.opener(), Conn: d.conn(importer),
		},
	}, nil
}

// rehearse fills the report, up to where the import would fail.
func (d *DryRuns) rehearse(ctx context.Context, s subject, r DryRunRequest, report *DryRunReport) error {
	checked, err := s.importer.BeforeStart(ctx, s.imp)
	if err != nil {
		return err
	}
	s.imp.Checked = checked
	if err := d.recognise(ctx, &s, report); err != nil || report.Unchanged != "" {
		return err
	}
	plan, err := planOf(ctx, s)
	if err != nil {
		return err
	}
	report.SourceDays, report.PartsTotal = plan.Range.String(), len(plan.Parts)
	for _, p := range plan.Parts {
		report.BytesTotal += p.Bytes
	}
	windows, err := d.freeDays(ctx, s, plan)
	if err != nil {
		return err
	}
	report.Days = calendar.NewSet(slices.Concat(windows...)...).String()
	limit := loading.RejectLimit{Count: r.MaxRejects, Share: r.MaxRejectShare, Ceiling: r.MaxRejectCeiling}
	sampling := time.Now()
	var failed error
	nothing := true
	for i, p := range plan.Parts[:min(len(plan.Parts), MaxDryRunParts)] {
		if ctx.Err() != nil || time.Since(sampling) > dryRunSampling {
			break
		}
		s.imp.Window = windows[i]
		sampled, err := samplePart(ctx, s, p, limit)
		report.Parts = append(report.Parts, sampled)
		// The others are looked into all the same: they may have faults of their own.
		failed = firstOf(failed, err)
		nothing = nothing && sampled.Complete && len(sampled.claims) == 0
		for _, w := range sampled.warnings {
			report.Log = append(report.Log, DryRunLine{Level: importstore.LevelWarn, Message: inbound.Cut(w, maxLine)})
		}
	}
	report.estimate(r)
	if failed == nil && nothing && len(report.Parts) == report.PartsTotal {
		report.Unchanged = nothingLoaded(report.sums())
	}
	return failed
}

// sums adds up the rows of parts that were read to their end.
func (r *DryRunReport) sums() PartResult {
	var sums PartResult
	for _, p := range r.Parts {
		sums.RowsRead += p.RowsRead
		sums.RowsLeftOut += p.RowsLeftOut
	}
	return sums
}

func firstOf(first, second error) error {
	if first != nil {
		return first
	}
	return second
}

// recognise looks for a completed import of the same content, and notes nothing.
func (d *DryRuns) recognise(ctx context.Context, s *subject, report *DryRunReport) error {
	f, ok := s.importer.(importers.Fingerprinter)
	if !ok {
		return nil
	}
	fingerprint, err := f.Fingerprint(ctx, s.imp)
	if err != nil || fingerprint == "" {
		return err
	}
	s.stored.Fingerprint = fingerprint
	before, found, err := d.Store.FindFingerprint(ctx, s.stored, fingerprint, true)
	if found {
		report.Unchanged = fmt.Sprintf("import %d has brought in the same content", before)
	}
	return err
}

// locksOf says who has what the import would lock.
func (d *DryRuns) locksOf(ctx context.Context, wanted []importers.Dependency) ([]DryRunLock, error) {
	locks := make([]DryRunLock, len(wanted))
	for i, want := range wanted {
		held, err := d.Store.ListLocks(ctx, importstore.LockQuery{Resource: &want.Resource, RowLimit: dryRunHolders})
		if err != nil {
			return nil, fmt.Errorf("list the locks of %s: %w", want.Resource, err)
		}
		lock := DryRunLock{Resource: want.Resource, Shared: want.Shared, Holders: []int64{}, Waiting: []int64{}, Free: true}
		for _, h := range held {
			// A waiting import also precedes.
			lock.Free = lock.Free && want.Shared && h.Shared
			if h.GrantedAt != nil {
				lock.Holders = append(lock.Holders, h.ImportID)
			} else {
				lock.Waiting = append(lock.Waiting, h.ImportID)
			}
		}
		locks[i] = lock
	}
	return locks, nil
}

// end notes what the import would end with, if that is not well.
func (r *DryRunReport) end(err error) {
	var wait *importers.WaitError
	switch {
	case err == nil:
	case errors.Is(err, importers.ErrUnchanged):
		r.Unchanged = inbound.Cut(err.Error(), activities.MaxMessage)
	case errors.As(err, &wait):
		until := wait.Until.UTC()
		r.WaitUntil, r.Log = &until,
			append(r.Log, DryRunLine{Level: importstore.LevelWarn, Message: inbound.Cut(err.Error(), activities.MaxMessage)})
	default:
		class, permanent := importers.ClassOf(err)
		if !permanent {
			// A run tries it again for some minutes before it says so.
			class = importers.ClassSource
		}
		r.Error, r.Class = inbound.CutLines(activities.Plain(err.Error()), activities.MaxFaults), string(class)
	}
}

// collected is a Feedback that keeps lines to itself.
type collected struct {
	lines []DryRunLine
	// repeated are the lines that several parts share, by their message.
	repeated map[string]*repeatedLine
}

// repeatedLine is a line that several parts share.
type repeatedLine struct {
	at    int
	first string
	parts int
	rows  int64
}

var _ importers.Feedback = (*collected)(nil)

// Bounds of what is kept: lines, and bytes of each.
const (
	maxCollected = 50
	maxLine      = 300
)

// Info keeps a line.
func (c *collected) Info(_ context.Context, message string) error {
	c.add(importstore.LevelInfo, message)
	return nil
}

// Warn keeps a line.
func (c *collected) Warn(_ context.Context, message string) error {
	c.add(importstore.LevelWarn, message)
	return nil
}

// WarnPart keeps a line, or adds the part to the line that has the warning already.
func (c *collected) WarnPart(_ context.Context, w importers.PartWarning) error {
	if c.repeated == nil {
		c.repeated = map[string]*repeatedLine{}
	}
	r := c.repeated[w.Message]
	if r == nil {
		r = &repeatedLine{at: len(c.lines), first: w.Part}
		c.repeated[w.Message] = r
		c.add(importstore.LevelWarn, w.String())
	}
	r.parts++
	r.rows += w.Rows
	if r.at < len(c.lines) {
		c.lines[r.at].Message = inbound.Cut(w.Text(r.first, r.parts, r.rows), maxLine)
	}
	return nil
}

// Error keeps a line.
func (c *collected) Error(_ context.Context, message string) error {
	c.add(importstore.LevelError, message)
	return nil
}

func (c *collected) add(level, message string) {
	if len(c.lines) < maxCollected {
		c.lines = append(c.lines, DryRunLine{Level: level, Message: inbound.Cut(message, maxLine)})
	}
}
