package csv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/sluicehq/sluice/importers/csv/record"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// dateColumn is the only required column.
const dateColumn = "date"

// readHeader reads the header of a file for the table. A line "sep=,", which declares the delimiter
// to spreadsheets, may precede it. leaveOut allows unknown columns. name begins the faults.
func readHeader(
	ctx context.Context, scan *record.Scanner, table *schema.Table, leaveOut bool, name string,
) (header, error) {
	malformed, err := firstLine(ctx, scan, table, name)
	if err != nil {
		return header{}, err
	}
	if delimiter, yes := separatorLine(scan.Raw()); yes && delimiter == "," {
		if malformed, err = firstLine(ctx, scan, table, name); err != nil {
			return header{}, err
		}
	} else if yes {
		return header{}, inputFault("%s:%d: the file declares %s as its delimiter: %s; expected: %s",
			name, scan.Line(), delimiterName(delimiter), wayToCommas, expectedHeader(table))
	}
	if delimiter := otherDelimiter(scan.Raw()); delimiter != "" {
		return header{}, inputFault("%s:%d: columns are separated by %s: %s; expected: %s",
			name, scan.Line(), delimiterName(delimiter), wayToCommas, expectedHeader(table))
	}
	if malformed != nil {
		return header{}, inputFault("%s:%d:%d: header: %w; expected: %s",
			name, scan.Line(), malformed.Column, malformed, expectedHeader(table))
	}
	h, faults := matchColumns(scan, table, leaveOut)
	var all []error
	for _, f := range faults {
		all = append(all, inputFault("%s:%d:%d: %s; expected: %s",
			name, scan.Line(), scan.Column(f.field), f.text, expectedHeader(table)))
	}
	if err := errors.Join(all...); err != nil {
		return header{}, err
	}
	return h, nil
}

// firstLine reads the next line at the beginning of a file. It rejects binary data; a line that
// cannot be split into columns is not an error yet.
func firstLine(
	ctx context.Context, scan *record.Scanner, table *schema.Table, name string,
) (*record.MalformedError, error) {
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
	return malformed, nil
}

func expectedHeader(table *schema.Table) string { return strings.Join(table.ColumnNames(), ",") }

// refuseBinary describes a file whose first line is not text; "" if it is text. An incomplete line
// may end within a character.
func refuseBinary(line []byte, whole bool) string {
	switch {
	case len(line) > tarMagic && bytes.HasPrefix(line[tarMagic:], []byte("ustar")):
		return "is a tar archive: " + wayToUnpack
	case bytes.HasPrefix(line, []byte("PK\x03\x04")):
		return "is a zip archive (or a spreadsheet), not text"
	case bytes.HasPrefix(line, []byte("\x1f\x8b")):
		return "is compressed with gzip: name it .csv.gz"
	case bytes.HasPrefix(line, []byte("\xff\xfe")), bytes.HasPrefix(line, []byte("\xfe\xff")), everyOtherNUL(line):
		return "is UTF-16: save it as UTF-8"
	case bytes.IndexByte(line, 0) >= 0:
		return "is binary, not text: its first line contains a NUL byte"
	case whole && !utf8.Valid(line):
		return "is not UTF-8 text"
	}
	return ""
}

// tarMagic is the offset of the magic number of a tar archive.
const tarMagic = 257

// everyOtherNUL reports whether a text has a NUL byte beside each letter, as UTF-16 has.
func everyOtherNUL(line []byte) bool {
	const enough = 8
	for _, first := range []int{0, 1} {
		nuls := 0
		for i := first; i < len(line) && line[i] == 0; i += 2 {
			nuls++
		}
		if nuls >= enough {
			return true
		}
	}
	return false
}
