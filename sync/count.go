package sync

import "context"

// StatusCounts are numbers of records by status, such as subscribed.
type StatusCounts map[string]int64

// Sum returns the number of records of all statuses.
func (c StatusCounts) Sum() (n int64) {
	for _, count := range c {
		n += count
	}
	return n
}

// Counter is the ability of a reader to count the records of a list, as the source knows them.
type Counter interface {
	// Count returns the numbers of records by status, of all statuses that the source counts.
	Count(ctx context.Context, list string) (StatusCounts, error)
	// Changed returns how many records may be counted otherwise than a window that has ended has them: those
	// that have changed since, or so shortly before its end that the counts of the source are older.
	Changed(ctx context.Context, list string, w Window) (int64, error)
	// Status returns the status of a record by its ref, as Count names it, "" for one that is not counted.
	Status(ref []byte) string
}

// CountComparison compares the records that a full load has read with the counts of the source.
type CountComparison struct {
	// Read are the records that were read, each once, Before and After the counts before and after the load.
	Read   StatusCounts `json:"read"`
	Before StatusCounts `json:"before"`
	After  StatusCounts `json:"after"`
	// Changed are the records that may be counted otherwise than they were read: see Counter.
	Changed int64 `json:"changed"`
	// Rejected are the records of the load that were rejected. They are not in Read.
	Rejected int64 `json:"rejected"`
}

// Difference returns by how many records the load and the counts differ, over all statuses that the source
// counts, beyond what changes during the load and rejected records explain.
func (c CountComparison) Difference() (n int64) {
	for status, after := range c.After {
		before, asked := c.Before[status]
		if !asked {
			before = after
		}
		least := min(before, after) - c.Changed - c.Rejected
		most := max(before, after) + c.Changed
		n += max(least-c.Read[status], c.Read[status]-most, 0)
	}
	return n
}

// Exceeds reports whether the difference is more than a percentage of the list. One record never is.
func (c CountComparison) Exceeds(percent int) bool {
	n := c.Difference()
	return n > 1 && n*100 > c.After.Sum()*int64(percent)
}
