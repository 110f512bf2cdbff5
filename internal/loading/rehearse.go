package loading

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// Rehearse applies the checks of loading to the first chunk of a part, and returns the error that
// loading would return, as far as the chunk shows it. If complete is set, the chunk is the whole
// part, confirmed are the days confirmed by its source, and claims and warnings are those of the
// part.
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

// About adds the part's label to an importer's error, unless the error has it.
func About(label, operation string, err error) error {
	if strings.HasPrefix(err.Error(), label) {
		return err
	}
	return fmt.Errorf("%s %s: %w", operation, label, err)
}
