package importers_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/importers/sourcefile"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// The page docs/authoring-an-importer.md explains this importer, and quotes it.

// totals imports a file of daily totals, one JSON object a line:
//
//	{"date": "2024-01-31", "visitors": 12, "pageviews": 30}
type totals struct{}

var _ importers.Importer = totals{}

func (totals) Name() string          { return "daily_totals" }
func (totals) Label() string         { return "Daily totals" }
func (totals) EmailTemplate() string { return "daily_totals_import" }

type totalsArgs struct {
	// Path is the absolute path of the file.
	Path string `json:"path"`
}

func (totals) ParseArgs(raw json.RawMessage) (json.RawMessage, error) {
	var args totalsArgs
	if err := importers.DecodeArgs(raw, &args); err != nil {
		return nil, err
	}
	if !filepath.IsAbs(args.Path) {
		return nil, errors.New(`argument "path": want an absolute path`)
	}
	return json.Marshal(args)
}

// open opens the file, with a deadline. A missing file and a path that is no regular file are
// permanent errors; every other error is retried.
func open(ctx context.Context, raw json.RawMessage) (*sourcefile.File, error) {
	var args totalsArgs
	if err := json.Unmarshal(raw, &args); err != nil {
		return nil, importers.Permanent(importers.ClassInternal, fmt.Errorf("stored arguments: %w", err))
	}
	f, err := sourcefile.Open(ctx, args.Path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, importers.Permanent(importers.ClassInput, fmt.Errorf("%s: does not exist", args.Path))
	}
	if errors.Is(err, sourcefile.ErrNotRegular) {
		return nil, importers.Permanent(importers.ClassInput, fmt.Errorf("%s: %w", args.Path, err))
	}
	return f, err
}

func (totals) BeforeStart(ctx context.Context, imp importers.Import) (json.RawMessage, error) {
	f, err := open(ctx, imp.Args)
	if err != nil {
		return nil, err
	}
	return nil, f.Close()
}

// row is a line of the file.
type row struct {
	Date      calendar.Day `json:"date"`
	Visitors  uint64       `json:"visitors"`
	Pageviews uint64       `json:"pageviews"`
}

// Plan returns one part, the whole file. It reads the file to find its first and its last
// day.
func (totals) Plan(ctx context.Context, imp importers.Import) (plan importers.Plan, err error) {
	f, err := open(ctx, imp.Args)
	if err != nil {
		return importers.Plan{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	days := calendar.Range{First: calendar.MaxDay, Last: calendar.MinDay}
	lines := bufio.NewScanner(f)
	size := int64(0)
	for ctx.Err() == nil && lines.Scan() {
		size += int64(len(lines.Bytes())) + 1
		var r row
		if json.Unmarshal(lines.Bytes(), &r) == nil {
			days.First, days.Last = min(days.First, r.Date), max(days.Last, r.Date)
		}
	}
	if err := errors.Join(ctx.Err(), lines.Err()); err != nil {
		return importers.Plan{}, err
	}
	if days.Validate() != nil {
		return importers.Plan{}, importers.Permanent(importers.ClassInput, errors.New("the file has no row that can be read"))
	}
	return importers.Plan{Range: days, Parts: []importers.Part{{
		Table: schema.Visitors, Label: filepath.Base(f.Name()), Bytes: size,
	}}}, nil
}

func (totals) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	behind := 0
	if from != "" {
		var err error
		if behind, err = strconv.Atoi(string(from)); err != nil {
			return nil, importers.Permanent(importers.ClassInternal, errors.New("the cursor is no number of a line"))
		}
	}
	f, err := open(ctx, imp.Args)
	if err != nil {
		return nil, err
	}
	r := &totalsReader{file: f, lines: bufio.NewScanner(f), part: part, imp: imp}
	// Skip the lines before the cursor.
	for more := true; more && r.line < behind; {
		more = r.scan()
	}
	return r, nil
}

type totalsReader struct {
	file  *sourcefile.File
	lines *bufio.Scanner
	part  importers.Part
	imp   importers.Import
	// line and offset are the number of lines and bytes read so far.
	line   int
	offset int64
}

func (r *totalsReader) scan() bool {
	if !r.lines.Scan() {
		return false
	}
	r.line++
	r.offset += int64(len(r.lines.Bytes())) + 1
	return true
}

func (r *totalsReader) Next(ctx context.Context, chunk *importers.Chunk) error {
	chunk.Reset()
	start := r.offset
	for ctx.Err() == nil && !r.imp.Chunk.Full(chunk, r.offset-start) && r.scan() {
		r.add(chunk)
	}
	if err := errors.Join(ctx.Err(), r.lines.Err()); err != nil {
		return err
	}
	if chunk.RowsRead == 0 {
		return io.EOF
	}
	chunk.Next, chunk.Bytes = importers.Cursor(strconv.Itoa(r.line)), r.offset
	return nil
}

// add counts one line: every row is loaded, rejected, out of range or left out.
func (r *totalsReader) add(chunk *importers.Chunk) {
	chunk.RowsRead++
	var v row
	if err := json.Unmarshal(r.lines.Bytes(), &v); err != nil {
		chunk.Rejects = append(chunk.Rejects, importers.NewReject(r.part.Label, int64(r.line), "",
			`not a row: want {"date": "YYYY-MM-DD", "visitors": 0, "pageviews": 0}`, r.lines.Bytes()))
		return
	}
	if !r.imp.Window.Contains(v.Date) {
		chunk.LeaveOut(r.part, v.Date)
		return
	}
	chunk.Rows.SetDate(schema.Visitors.Index("date"), uint16(v.Date))
	chunk.Rows.SetUint64(schema.Visitors.Index("visitors"), v.Visitors)
	chunk.Rows.SetUint64(schema.Visitors.Index("pageviews"), v.Pageviews)
	chunk.Rows.EndRow()
}

func (r *totalsReader) Close() error { return r.file.Close() }

func (totals) OnSuccess(ctx context.Context, imp importers.Import, result importers.Result) error {
	return imp.Feedback.Info(ctx, fmt.Sprintf("Daily totals: %d days loaded.", result.RowsLoaded))
}

func (totals) OnFailure(context.Context, importers.Import, string) error { return nil }

func TestConformance(t *testing.T) {
	t.Parallel()
	importertest.Run(t, importertest.Config{
		New: func(tb testing.TB) importertest.Subject {
			tb.Helper()
			var text strings.Builder
			for i := range 40 {
				fmt.Fprintf(&text, `{"date": "2024-01-%02d", "visitors": %d, "pageviews": 3}`+"\n", 1+i%31, i)
			}
			text.WriteString("no row\n")
			path := filepath.Join(tb.TempDir(), "totals.jsonl")
			require.NoError(tb, os.WriteFile(path, []byte(text.String()), 0o600))
			return importertest.Subject{Importer: totals{}, Args: json.RawMessage(fmt.Sprintf(`{"path": %q}`, path))}
		},
		BadArgs: []json.RawMessage{json.RawMessage(`{"path": "totals.jsonl"}`), json.RawMessage(`{}`)},
	})
}
