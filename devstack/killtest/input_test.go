package killtest_test

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/sampledata"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// fingerprint describes a multiset of rows: two that are equal hold the same rows the
// same number of times.
type fingerprint struct {
	Rows, Sum, Xor uint64
}

// add adds a row, written as its values with commas between them.
func (f *fingerprint) add(row []byte) {
	digest := md5.Sum(row)
	hash := binary.BigEndian.Uint64(digest[:8])
	f.Rows++
	f.Sum += hash
	f.Xor ^= hash
}

// input is an export of imported_pages and what an import of it must bring in.
type input struct {
	dir     string
	columns []string
	want    fingerprint
	// rejected are the lines of the bad rows, in order.
	rejected   []int64
	outOfRange int64
	rowsRead   int64
}

// days are the days of every export. Rows of other days are out of range.
var days = calendar.Range{First: 19358, Last: 20088} // 2023-01-01 to 2024-12-31

// bad are rows that cannot be loaded, each for another reason.
var bad = []string{
	`"2023-02-30","example.com","/no-such-day",1,1,1,1,1,1,1`,
	`"2023-03-01","example.com","/negative",-1,1,1,1,1,1,1`,
	`"2023-03-01","example.com","/decimal",1.5,1,1,1,1,1,1`,
	`"2023-03-01","example.com","/too-few",1`,
	"\"2023-03-01\",\"example.com\",\"/not-utf-8-\xff\",1,1,1,1,1,1,1",
	`"yesterday","example.com","/no-date",1,1,1,1,1,1,1`,
}

// outside is a good row of a day that the export's name does not cover.
const outside = `"2025-06-01","example.com","/too-late",1,1,1,1,1,1,1`

// shape says what an export is like.
type shape struct {
	rows int
	// badEvery and outsideEvery are after how many good rows there is about one that
	// cannot be loaded, and one that is out of range.
	badEvery, outsideEvery uint64
}

// newInput writes an export for one test.
func newInput(t *testing.T, like shape) *input {
	t.Helper()
	in, err := write(t.TempDir(), like)
	require.NoError(t, err)
	return in
}

// write makes an export.
func write(dir string, like shape) (*input, error) {
	plain := filepath.Join(dir, "plain")
	files, err := sampledata.Write(plain, sampledata.Spec{
		Seed: 1, Days: days, PageRows: like.rows, Tables: []*schema.Table{schema.Pages},
	})
	if err != nil {
		return nil, err
	}
	in := &input{dir: filepath.Join(dir, "export")}
	if err := os.Mkdir(in.dir, 0o755); err != nil {
		return nil, err
	}
	source, err := os.ReadFile(files[0].Path)
	if err != nil {
		return nil, err
	}
	spoiled := in.spoil(source, like)
	if err := os.WriteFile(filepath.Join(in.dir, filepath.Base(files[0].Path)), spoiled, 0o644); err != nil {
		return nil, err
	}
	return in, os.RemoveAll(plain)
}

// spoil copies an export, puts rows into it that must not be loaded, and takes down
// what is to be expected. It shares no code with the importer.
func (in *input) spoil(source []byte, like shape) []byte {
	var out bytes.Buffer
	out.Grow(len(source) + len(source)/100)
	line := int64(1)
	emit := func(row []byte) {
		out.Write(row)
		out.WriteByte('\n')
		line++
	}
	scan := bufio.NewScanner(bytes.NewReader(source))
	for scan.Scan() {
		if in.columns == nil {
			in.columns = strings.Split(strings.ReplaceAll(scan.Text(), `"`, ""), ",")
			emit(scan.Bytes())
			continue
		}
		in.want.add(bytes.ReplaceAll(scan.Bytes(), []byte(`"`), nil))
		emit(scan.Bytes())
		if in.want.Rows%like.badEvery == 7 {
			in.rejected = append(in.rejected, line)
			emit([]byte(bad[len(in.rejected)%len(bad)]))
		}
		if in.want.Rows%like.outsideEvery == 3 {
			in.outOfRange++
			emit([]byte(outside))
		}
	}
	in.rowsRead = line - 2 // less the header, and the line behind the last
	return out.Bytes()
}
