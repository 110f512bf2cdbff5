package csv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/importers"
)

// position is a place between two rows of a file: a byte offset of the
// uncompressed text and the line that starts there.
type position struct {
	offset, line int64
}

// cursor writes the position as "1:<offset>:<line>"; the 1 is the version.
func (p position) cursor() importers.Cursor {
	return importers.Cursor(fmt.Sprintf("%s%d:%d", cursorVersion, p.offset, p.line))
}

const cursorVersion = "1:"

var errCursor = errors.New("invalid cursor of a CSV import")

// parseCursor parses the result of cursor.
func parseCursor(c importers.Cursor) (position, error) {
	rest, ok := strings.CutPrefix(string(c), cursorVersion)
	offset, line, two := strings.Cut(rest, ":")
	if !ok || !two || !digits(offset) || !digits(line) {
		return position{}, importers.Permanent(importers.ClassInternal, errCursor)
	}
	var p position
	var errOffset, errLine error
	p.offset, errOffset = strconv.ParseInt(offset, 10, 64)
	p.line, errLine = strconv.ParseInt(line, 10, 64)
	if errOffset != nil || errLine != nil || p.line < 1 {
		return position{}, importers.Permanent(importers.ClassInternal, errCursor)
	}
	return p, nil
}
