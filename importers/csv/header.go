package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/importers/csv/record"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// dateColumn is the one column that every file must have.
const dateColumn = "date"

// column says where the values of a file's column go.
type column struct {
	name string
	// index is the position in the table.
	index int
	kind  schema.Kind
}

// readHeader reads the header of a file for the table and returns the file's
// columns in order. Columns may come in any order, and any but the date may be
// missing; columns that the table does not have and columns that come twice are
// refused, since whoever wrote them meant something that would be lost. name
// starts the faults.
func readHeader(ctx context.Context, scan *record.Scanner, table *schema.Table, name string) ([]column, error) {
	err := scan.Scan(ctx)
	var malformed *record.MalformedError
	switch {
	case errors.Is(err, io.EOF):
		return nil, inputFault("%s: has no header; expected: %s", name, expectedHeader(table))
	case err != nil && !errors.As(err, &malformed):
		return nil, fmt.Errorf("%s: %w", name, readFault(err))
	}
	if fault := refuseBinary(scan.Raw(), malformed == nil); fault != "" {
		return nil, inputFault("%s: %s; expected CSV text with the header: %s", name, fault, expectedHeader(table))
	}
	if malformed != nil {
		return nil, inputFault("%s:%d:%d: header: %w; expected: %s",
			name, scan.Line(), malformed.Column, malformed, expectedHeader(table))
	}
	columns, faults := matchColumns(scan, table)
	var all []error
	for _, f := range faults {
		all = append(all, inputFault("%s:%d:%d: %s; expected: %s",
			name, scan.Line(), scan.Column(f.field), f.text, expectedHeader(table)))
	}
	if err := errors.Join(all...); err != nil {
		return nil, err
	}
	return columns, nil
}

// headerFault is what is wrong with one field of a header.
type headerFault struct {
	field int
	text  string
}

// matchColumns finds the header's columns in the table.
func matchColumns(scan *record.Scanner, table *schema.Table) ([]column, []headerFault) {
	columns := make([]column, 0, scan.Len())
	var faults []headerFault
	for i := range scan.Len() {
		name := string(scan.Field(i))
		index := table.Index(name)
		switch {
		case looksLikeDate(scan.Field(i)):
			return nil, []headerFault{{i, "there is no header: the first line holds data"}}
		case index < 0 && scan.Len() == 1 && strings.ContainsAny(name, ";\t|"):
			return nil, []headerFault{{0, "columns are not separated by commas: export again as comma-separated values"}}
		case index < 0:
			hint := didYouMean(name, table.ColumnNames())
			faults = append(faults, headerFault{i, fmt.Sprintf("unknown column %q%s", clip(name), hint)})
		case slices.ContainsFunc(columns, func(c column) bool { return c.index == index }):
			faults = append(faults, headerFault{i, fmt.Sprintf("column %q comes twice", name)})
		default:
			columns = append(columns, column{name: name, index: index, kind: table.Columns[index].Kind})
		}
		if len(faults) == maxHeaderFaults {
			break
		}
	}
	hasDate := slices.ContainsFunc(columns, func(c column) bool { return c.name == dateColumn })
	if !hasDate && len(faults) < maxHeaderFaults {
		faults = append(faults, headerFault{0, fmt.Sprintf("the required column %q is missing", dateColumn)})
	}
	return columns, faults
}

// maxHeaderFaults is how many faults of one header are told.
const maxHeaderFaults = 10

func expectedHeader(table *schema.Table) string { return strings.Join(table.ColumnNames(), ",") }

// clip cuts a name that is quoted in a message.
func clip(name string) string {
	if len(name) > maxSuggest {
		return strings.ToValidUTF8(name[:maxSuggest], "") + "..."
	}
	return name
}

// refuseBinary says what a file is whose first line is not text; "" if it is.
// A line that is not whole may end inside a character.
func refuseBinary(line []byte, whole bool) string {
	switch {
	case bytes.HasPrefix(line, []byte("PK\x03\x04")):
		return "is a zip archive (or a spreadsheet), not text"
	case bytes.HasPrefix(line, []byte("\x1f\x8b")):
		return "is compressed with gzip: name it .csv.gz"
	case bytes.HasPrefix(line, []byte("\xff\xfe")), bytes.HasPrefix(line, []byte("\xfe\xff")):
		return "is UTF-16: save it as UTF-8"
	case bytes.IndexByte(line, 0) >= 0:
		return "is binary, not text: its first line holds a NUL byte"
	case whole && !utf8.Valid(line):
		return "is not UTF-8 text"
	}
	return ""
}
