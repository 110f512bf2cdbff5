package importing

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// NewPart is a part of a plan to be saved.
type NewPart struct {
	// Table is the name of the table that the part's rows go to.
	Table string
	// Label says what the part is.
	Label string
	// Args is whatever the importer needs to open the part again, in JSON. Defaults
	// to null.
	Args json.RawMessage
	// Bytes is how much there is to read; 0 if unknown.
	Bytes int64
	// Days are the days that the part says it has, Free those of them that it may bring in.
	Days, Free calendar.Set
}

// SavePlan stores what an import is going to do: its parts, with the days that each may
// bring in. A plan that is stored already stays: parts may be under way, and planning the
// same source again gives the same plan.
func (s *Store) SavePlan(ctx context.Context, id int64, source calendar.Range, parts []NewPart) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockImport(ctx, id); err != nil {
			return store.Found(err, "import %d", id)
		}
		existing, err := q.ListParts(ctx, id)
		if err != nil {
			return fmt.Errorf("list parts: %w", err)
		}
		if len(existing) > 0 {
			return nil
		}
		for no, p := range parts {
			args := p.Args
			if len(args) == 0 {
				args = json.RawMessage("null")
			}
			err := q.AddPart(ctx, db.AddPartParams{
				ImportID: id, No: int32(no), TableName: p.Table, Label: store.Plain(p.Label), Args: args, BytesTotal: p.Bytes,
				Days: some(p.Days), FreeDays: some(p.Free),
			})
			if err != nil {
				return fmt.Errorf("add part %d: %w", no, err)
			}
		}
		first, last := source.First, source.Last
		var free calendar.Set
		for _, p := range parts {
			free = append(free, p.Free...)
		}
		days := some(calendar.NewSet(free...))
		if err := q.SetDays(ctx, db.SetDaysParams{ID: id, StartDate: &first, EndDate: &last, Days: days}); err != nil {
			return fmt.Errorf("set days: %w", err)
		}
		return nil
	})
}

// some makes no days an empty list, not null.
func some(days calendar.Set) calendar.Set { return append(calendar.Set{}, days...) }

// ClaimPart begins an attempt at a part: it raises the part's fencing token, so that
// writes of earlier attempts are refused from now on. open is false if the part
// is done or skipped and there is nothing to do. The error is ErrConflict if the
// part was given up with its import, and ErrUnlocked if the import uses another
// grant of its locks than lockToken.
func (s *Store) ClaimPart(ctx context.Context, id int64, no int32, lockToken int64) (part Part, open bool, err error) {
	part, err = s.sql.Queries.ClaimPart(ctx, db.ClaimPartParams{ImportID: id, No: no, LockToken: lockToken})
	if err == nil {
		return part, true, s.sql.InTx(ctx, func(q *db.Queries) error { return showParked(ctx, q, id) })
	}
	if store.NoRows(err) {
		part, err = s.sql.Queries.PartByNo(ctx, id, no)
		switch {
		case err != nil:
		case part.Status == PartFailed, part.Status == PartWaiting && part.FinishedAt != nil:
			err = fmt.Errorf("import %d: part %d has been given up: %w", id, no, store.ErrConflict)
		case part.Status != PartDone && part.Status != PartSkipped:
			err = fmt.Errorf("import %d: claim part %d by grant %d: %w", id, no, lockToken, ErrUnlocked)
		}
		return part, false, store.Found(err, "import %d: part %d", id, no)
	}
	return part, err == nil, err
}

// Checkpoint is a chunk that the warehouse has acknowledged.
type Checkpoint struct {
	Chunk
	// FencingToken is that of the attempt, LockToken the fencing token of the import's
	// locks.
	FencingToken, LockToken int64
	// Next is the cursor behind the chunk.
	Next string
	// BytesRead is how far into the part the chunk ends.
	BytesRead int64
	// Days are from the first to the last day of the rows that were loaded; nil if none was.
	Days *calendar.Range
}

// RecordChunk stores a checkpoint and adds its figures to the part, both or
// neither. The error is ErrFenced if a later attempt has taken over.
func (s *Store) RecordChunk(ctx context.Context, c Checkpoint) error {
	advance := db.AdvancePartParams{
		ImportID: c.ImportID, PartNo: c.PartNo, ChunkNo: c.No, FencingToken: c.FencingToken, LockToken: c.LockToken,
		Cursor: c.Next, BytesRead: c.BytesRead,
		RowsRead: c.RowsRead, RowsLoaded: c.RowsLoaded, RowsRejected: c.RowsRejected, RowsOutOfRange: c.RowsOutOfRange,
		RowsLeftOut: c.RowsLeftOut,
	}
	if c.Days != nil {
		advance.FirstDay, advance.LastDay = &c.Days.First, &c.Days.Last
	}
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.AdvancePart(ctx, advance)
		if err := fenced(n, err, "advance part"); err != nil {
			return err
		}
		if err := q.AddChunk(ctx, db.AddChunkParams(c.Chunk)); err != nil {
			return fmt.Errorf("add chunk: %w", err)
		}
		return nil
	})
}

// RecordRepair notes that a chunk is about to be purged and loaded anew, under
// the token of that repair. The error is ErrFenced if a later attempt has taken
// over.
func (s *Store) RecordRepair(ctx context.Context, c Chunk, token int64) error {
	n, err := s.sql.Queries.RepairChunk(ctx, db.RepairChunkParams{
		ImportID: c.ImportID, PartNo: c.PartNo, No: c.No, Repair: c.Repair, FencingToken: token,
	})
	return fenced(n, err, "record repair")
}

// DonePart is a part that is loaded and verified.
type DonePart struct {
	ImportID int64
	No       int32
	// FencingToken is that of the attempt, LockToken that of the import's locks.
	FencingToken, LockToken int64
	// Claims are the days that the part has brought in; none if it has brought in nothing.
	Claims calendar.Set
}

// FinishPart marks a part as done, with the days that it claims. The error is ErrFenced if
// a later attempt has taken over.
func (s *Store) FinishPart(ctx context.Context, d DonePart) error {
	n, err := s.sql.Queries.FinishPart(ctx, db.FinishPartParams{
		ImportID: d.ImportID, No: d.No, FencingToken: d.FencingToken, LockToken: d.LockToken, ClaimedDays: some(d.Claims),
	})
	return fenced(n, err, "finish part")
}

// ParkPart parks a part with the reason, as StopPart does, sets its import's status to
// parked, and sends a notification unless another part was parked before. A repetition
// sends none.
func (s *Store) ParkPart(ctx context.Context, id int64, no int32, reason string) (part Part, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := q.LockImport(ctx, id); err != nil {
			return store.Found(err, "import %d", id)
		}
		parked, err := q.CountParked(ctx, id)
		if err != nil {
			return fmt.Errorf("count parked parts: %w", err)
		}
		_, err = q.StopPart(ctx, db.StopPartParams{ImportID: id, No: no, Status: PartParked, Reason: store.Plain(reason)})
		if err != nil {
			return fmt.Errorf("stop part: %w", err)
		}
		if part, err = q.PartByNo(ctx, id, no); err != nil {
			return store.Found(err, "import %d: part %d", id, no)
		}
		if err := showParked(ctx, q, id); err != nil || parked > 0 || part.Status != PartParked {
			return err
		}
		return s.announceAs(ctx, q, announcedEvent{
			importID: id, event: EventParked, detail: fmt.Sprintf("Part %d, %s: %s", no, part.Label, reason),
			about: fmt.Sprintf("%d_%d", no, part.FencingToken),
		})
	})
	return part, err
}

// StopPart parks a part with the reason, and raises its fencing token. A part that is
// done or skipped stays as it is.
func (s *Store) StopPart(ctx context.Context, id int64, no int32, status, reason string) (Part, error) {
	_, err := s.sql.Queries.StopPart(ctx, db.StopPartParams{
		ImportID: id, No: no, Status: status, Reason: store.Plain(reason),
	})
	if err != nil {
		return Part{}, fmt.Errorf("stop part: %w", err)
	}
	part, err := s.sql.Queries.PartByNo(ctx, id, no)
	return part, store.Found(err, "import %d: part %d", id, no)
}

// FailOpenParts ends all parts of an import that is given up, and raises the fencing tokens of
// all, so that nothing more is written. Parked parts become failed with the error that
// parked them, and so does the one being loaded that the reason names. The others did
// not fail themselves: they are pending, with a FinishedAt and no error. An empty reason
// names no part.
func (s *Store) FailOpenParts(ctx context.Context, id int64, reason string) error {
	if err := s.sql.Queries.StopParts(ctx, store.Plain(reason), id); err != nil {
		return fmt.Errorf("stop parts: %w", err)
	}
	return nil
}

// SkipPart leaves a part out of the import: its figures return to zero and its
// chunks are forgotten. Its rows must be purged by the caller.
func (s *Store) SkipPart(ctx context.Context, id int64, no int32) (part Part, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.DropChunks(ctx, id, no); err != nil {
			return fmt.Errorf("drop chunks: %w", err)
		}
		if part, err = q.SkipPart(ctx, id, no); err != nil {
			return store.Found(err, "import %d: part %d", id, no)
		}
		return showParked(ctx, q, id)
	})
	return part, err
}

// showParked shows an import as parked or running, by its parts. The lock comes first, and with
// a statement of its own: one that has waited for the lock would still count the parts that it
// saw before.
func showParked(ctx context.Context, q *db.Queries, id int64) error {
	if _, err := q.LockImport(ctx, id); err != nil {
		return store.Found(err, "import %d", id)
	}
	return q.ShowParked(ctx, id)
}

// fenced turns an update that found no row into ErrFenced.
func fenced(n int64, err error, operation string) error {
	if err != nil {
		return fmt.Errorf("%s: %w", operation, err)
	}
	if n == 0 {
		return fmt.Errorf("%s: %w", operation, store.ErrFenced)
	}
	return nil
}
