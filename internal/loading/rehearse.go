package loading

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// Rehearse judges the first chunk of a part as loading would: it returns the error that
// loading ends with, as far as the chunk shows it. With complete the chunk is all of the
// part, confirmed are the days that its source has answered for, and claims and warnings are
// those of the part.
func (l RejectLimit) Rehearse(
	part importers.Part, window calendar.Set, chunk *importers.Chunk, complete bool, confirmed calendar.Set,
) (claims calendar.Set, warned []string, err error) {
	p := Progress{
		RowsRead: chunk.RowsRead, RowsLoaded: int64(chunk.Rows.Rows()), RowsRejected: int64(len(chunk.Rejects)),
		RowsOutOfRange: chunk.OutOfRange, RowsLeftOut: chunk.LeftOut, Days: daysOf(chunk),
	}
	seen := examples{}
	seen.add(chunk)
	if err := l.check(part.Label, p, seen); err != nil || !complete {
		return nil, nil, err
	}
	if err := l.checkEnd(part.Label, part.Days, p, seen); err != nil {
		return nil, nil, err
	}
	p.Claims = claimed(confirmed, p.Days, window)
	return p.Claims, warnings(part.Label, part.Days, p, seen), nil
}

// About names the part that an importer's error is about, unless it does so itself.
func About(label, operation string, err error) error {
	if strings.HasPrefix(err.Error(), label) {
		return err
	}
	return fmt.Errorf("%s %s: %w", operation, label, err)
}
