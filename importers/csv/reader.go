package csv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv/record"
)

// ImportData opens the file of a part, at the beginning or at a cursor. It seeks in uncompressed
// files, and decompresses others up to the cursor.
func (c *Importer) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	var args partArgs
	if err := json.Unmarshal(part.Args, &args); err != nil {
		return nil, importers.Permanent(importers.ClassInternal, fmt.Errorf("part arguments: %w", err))
	}
	all, err := decodeStored(imp.Args)
	if err != nil {
		return nil, err
	}
	in, err := c.open(ctx, args)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", part.Label, err)
	}
	r := &reader{
		in: in, part: part, file: part.Label, limit: imp.Chunk, date: newDateCache(imp.Window), feedback: imp.Feedback,
	}
	if err := r.start(ctx, part, all.LeaveOutUnknownColumns, from); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return r, nil
}

// reader reads the rows of one file.
type reader struct {
	in   *input
	part importers.Part
	scan *record.Scanner
	header
	file     string
	limit    importers.ChunkLimit
	date     dateCache
	feedback importers.Feedback
}

// start reads the header, which determines the columns at any cursor, and moves to the cursor.
func (r *reader) start(ctx context.Context, part importers.Part, leaveOut bool, from importers.Cursor) error {
	r.scan = record.New(r.in, 0, 1)
	var err error
	if r.header, err = readHeader(ctx, r.scan, part.Table, leaveOut, part.Label); err != nil || from == "" {
		return err
	}
	p, err := parseCursor(from)
	if err != nil {
		return err
	}
	if offset, line := r.scan.Position(); p.offset < offset || p.line < line || r.in.seekable && p.offset > r.in.size {
		return importers.Permanent(importers.ClassInternal, errCursor)
	}
	if r.in.seekable {
		if _, err := r.in.file.Seek(p.offset, io.SeekStart); err != nil {
			return fmt.Errorf("%s: seek: %w", part.Label, err)
		}
		r.scan = record.New(r.in, p.offset, p.line)
		return nil
	}
	if err := r.scan.Skip(ctx, p.offset, p.line); err != nil {
		return fmt.Errorf("%s: seek to the cursor: %w", part.Label, readFault(err))
	}
	return nil
}

// Next fills the chunk with the next rows.
func (r *reader) Next(ctx context.Context, chunk *importers.Chunk) error {
	chunk.Reset()
	if err := ctx.Err(); err != nil {
		return err
	}
	start, _ := r.scan.Position()
	for {
		err := r.scan.Scan(ctx)
		offset, line := r.scan.Position()
		switch {
		case err == nil:
			err = r.addRow(chunk)
		case errors.Is(err, io.EOF):
			if err := r.in.atEnd(offset); err != nil {
				return fmt.Errorf("%s: %w", r.file, err)
			}
			if chunk.RowsRead == 0 {
				return io.EOF
			}
			r.finish(chunk, position{offset, line})
			return nil
		default:
			err = r.addMalformed(chunk, err)
		}
		if err != nil {
			return err
		}
		if err := r.warnEndless(ctx); err != nil {
			return err
		}
		if chunk.RowsRead > 0 && r.limit.Full(chunk, offset-start) {
			r.finish(chunk, position{offset, line})
			return nil
		}
	}
}

// warnEndless warns if the current record ends the text without a line end. Plan has already
// checked uncompressed files.
func (r *reader) warnEndless(ctx context.Context) error {
	if r.in.seekable || r.scan.Terminated() || bytes.HasSuffix(r.scan.Raw(), []byte("\r")) {
		return nil
	}
	place := fmt.Sprintf("%s:%d", r.file, r.scan.Line())
	if err := r.feedback.Warn(ctx, fmt.Sprintf(endlessWarning, place)); err != nil {
		return fmt.Errorf("write feedback: %w", err)
	}
	return nil
}

func (r *reader) finish(chunk *importers.Chunk, p position) {
	chunk.Next, chunk.Bytes = p.cursor(), r.in.progress(p.offset)
}

// Close closes the file.
func (r *reader) Close() error {
	if err := r.in.Close(); err != nil {
		return fmt.Errorf("close %s: %w", r.file, err)
	}
	return nil
}
