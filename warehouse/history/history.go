// Package history reads the history of sites: native and imported data as one, no day twice. It reads the views
// history_* alone, which show rows of visible imports and of events, and never rows that are staged.
//
// Visitors are counted by day: native ones are the distinct users of the day, imported ones what the source has counted
// for it. Figures of weeks, of months and of whole ranges are sums of days, for native data too, because no
// import tells who came again: a person who comes on three days counts three times.
//
// Each result has the text of its query with all values in it, for a client of ClickHouse.
package history

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse"
)

// Limits of a query.
const (
	// MaxDays is the number of days of a range: 20 years.
	MaxDays = 7320
	// MaxSites is the number of sites of Daily and Extents.
	MaxSites = 200
	// MaxValues is the number of values of a Breakdown.
	MaxValues = 1000
	// queryTime bounds the time of a query in ClickHouse, and queryMemory its memory there, in bytes.
	queryTime   = 20 * time.Second
	queryMemory = 2 << 30
)

var (
	// ErrInvalid means that a query is wrong in itself. Nothing was read.
	ErrInvalid = errors.New("invalid query of the history")
	// ErrTooLarge means that ClickHouse has ended a query at its limit of time or memory.
	ErrTooLarge = errors.New("too much data for one query")
	// ErrBusy means that ClickHouse has ended a query because all queries together, or all of its user, use too much
	// memory. The same query may succeed later.
	ErrBusy = errors.New("ClickHouse has no memory left")
)

// Origins of rows.
const (
	OriginNative   = "native"
	OriginImported = "imported"
)

// Reader reads the history of sites. It is safe for concurrent use.
type Reader struct {
	// Warehouse is required.
	Warehouse *warehouse.Warehouse
}

// The codes with which ClickHouse ends a query at a limit.
// https://github.com/ClickHouse/ClickHouse/blob/master/src/Common/ErrorCodes.cpp
const (
	codeTimeout = 159
	codeTooSlow = 160
	codeMemory  = 241
)

// each runs a statement and calls scan for each of its rows.
func (r *Reader) each(ctx context.Context, s statement, scan func(into func(...any) error) error) (err error) {
	// The server's limit comes first, so that its error says what has happened.
	ctx, cancel := context.WithTimeout(ctx, queryTime+5*time.Second)
	defer cancel()
	rows, err := r.Warehouse.Select(ctx, s.text(), s.values(), clickhouse.Settings{
		"max_execution_time": int(queryTime / time.Second), "max_memory_usage": queryMemory,
	})
	if err != nil {
		return explained(err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return fmt.Errorf("read a row: %w", err)
		}
	}
	return explained(rows.Err())
}

// explained returns ErrTooLarge or ErrBusy for an error of a limit, and other errors as they are.
func explained(err error) error {
	code, message, ok := warehouse.Exception(err)
	switch {
	case ok && code == codeMemory && !queryLimit(message):
		return fmt.Errorf("%w for all queries together: repeat the query later, or raise max_server_memory_usage or "+
			"max_memory_usage_for_user of ClickHouse: %s", ErrBusy, message)
	case ok && (code == codeTimeout || code == codeTooSlow || code == codeMemory):
		return fmt.Errorf("%w: a query may take %s and %d GiB of memory in ClickHouse: choose a shorter range",
			ErrTooLarge, queryTime, queryMemory>>30)
	}
	return err
}

// queryLimit reports whether a message of codeMemory is of the limit of a query, max_memory_usage, not of the server,
// "(total)", or of the user. Messages before ClickHouse 25 say "Memory limit (for query) exceeded".
func queryLimit(message string) bool {
	return strings.Contains(message, "Query memory limit exceeded") ||
		strings.Contains(message, "Memory limit (for query) exceeded")
}

// checkDays returns ErrInvalid unless a range has 1 to MaxDays days that the warehouse can store.
func checkDays(days calendar.Range) error {
	switch {
	case days.First < calendar.MinDay || days.Last > calendar.MaxDay:
		return fmt.Errorf("%w: range %s: want days from %s to %s", ErrInvalid, days, calendar.MinDay, calendar.MaxDay)
	case days.Last < days.First:
		return fmt.Errorf("%w: the first day %s is after the last day %s", ErrInvalid, days.First, days.Last)
	case days.Days() > MaxDays:
		return fmt.Errorf("%w: range %s has %d days: want at most %d", ErrInvalid, days, days.Days(), MaxDays)
	}
	return nil
}
