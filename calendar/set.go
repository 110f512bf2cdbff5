package calendar

import (
	"fmt"
	"slices"
	"strings"
)

// Range is a range of days from First to Last, both inclusive.
type Range struct {
	First Day `json:"first"`
	Last  Day `json:"last"`
}

// Validate returns an error if the range ends before it starts.
func (r Range) Validate() error {
	if r.Last < r.First {
		return fmt.Errorf("range %s..%s ends before it starts", r.First, r.Last)
	}
	return nil
}

// Days returns the number of days in the range.
func (r Range) Days() int { return int(r.Last-r.First) + 1 }

// Contains reports whether the day is in the range.
func (r Range) Contains(d Day) bool { return r.First <= d && d <= r.Last }

// String returns the range as FIRST..LAST.
func (r Range) String() string { return r.First.String() + ".." + r.Last.String() }

// Set is a set of days: sorted ranges that neither overlap nor touch. The zero value
// is the empty set. NewSet creates other sets.
type Set []Range

// NewSet returns the days that are in any of the ranges. The ranges may be unsorted
// and overlap. A range that ends before it starts contains no day.
func NewSet(ranges ...Range) Set {
	sorted := slices.DeleteFunc(slices.Clone(ranges), func(r Range) bool { return r.Last < r.First })
	slices.SortFunc(sorted, func(a, b Range) int { return int(a.First) - int(b.First) })
	var set Set
	for _, r := range sorted {
		if n := len(set); n > 0 && r.First <= set[n-1].Last+1 {
			set[n-1].Last = max(set[n-1].Last, r.Last)
			continue
		}
		set = append(set, r)
	}
	return set
}

// Contains reports whether the day is in the set.
func (s Set) Contains(d Day) bool {
	_, found := slices.BinarySearchFunc(s, d, func(r Range, d Day) int {
		switch {
		case r.Last < d:
			return -1
		case r.First > d:
			return 1
		default:
			return 0
		}
	})
	return found
}

// Union returns the days that are in either set.
func (s Set) Union(other Set) Set { return NewSet(slices.Concat(s, other)...) }

// Minus returns the days of s that are not in other.
func (s Set) Minus(other Set) Set {
	var left Set
	for _, r := range s {
		for _, o := range other {
			if o.Last < r.First || o.First > r.Last {
				continue
			}
			if o.First > r.First {
				left = append(left, Range{First: r.First, Last: o.First - 1})
			}
			r.First = o.Last + 1
		}
		if r.First <= r.Last {
			left = append(left, r)
		}
	}
	return left
}

// Both returns the intersection: the days that are in s and in other.
func (s Set) Both(other Set) Set { return s.Minus(s.Minus(other)) }

// Days returns the number of days in the set.
func (s Set) Days() int {
	n := 0
	for _, r := range s {
		n += r.Days()
	}
	return n
}

// Bounds returns the smallest range that contains the set; ok is false for the
// empty set.
func (s Set) Bounds() (bounds Range, ok bool) {
	if len(s) == 0 {
		return Range{}, false
	}
	return Range{First: s[0].First, Last: s[len(s)-1].Last}, true
}

// String returns the ranges separated by commas, or "no days".
func (s Set) String() string {
	if len(s) == 0 {
		return "no days"
	}
	parts := make([]string, len(s))
	for i, r := range s {
		parts[i] = r.String()
	}
	return strings.Join(parts, ", ")
}
