package clickhouse

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// errShort means that ClickHouse has written fewer rows than were sent: it recognised a repetition,
// the insert continues after the response, or the table drops rows.
var errShort = errors.New("ClickHouse wrote fewer rows than were sent")

// insertOnce sends rows as one INSERT. Without an error ClickHouse says that it has written as
// many rows as were sent, or more: rows of materialized views count, too.
func (r *run) insertOnce(ctx context.Context, rows []queued) error {
	var body bytes.Buffer
	for _, row := range rows {
		body.Write(row.line)
	}
	return r.server.insert(ctx, r.to.table, r.table, token(rows), &body, len(rows))
}

// insert sends so many rows, each a line of JSON, as one INSERT into a table, under a deduplication token.
func (s *server) insert(
	ctx context.Context, name string, t table, token string, lines *bytes.Buffer, rows int,
) error {
	parameters := readingRows(t)
	for name, value := range map[string]string{
		"query":                      "INSERT INTO " + quoteTable(name) + " FORMAT JSONEachRow",
		"insert_deduplication_token": token,
		// What was acknowledged is there, also in the tables behind a Distributed one.
		"async_insert":            "0",
		"insert_distributed_sync": "1",
	} {
		parameters.Set(name, value)
	}
	a, err := s.do(ctx, parameters, lines)
	if err != nil {
		return err
	}
	written, err := a.inserted()
	switch {
	case err != nil:
		return err
	case written < int64(rows):
		return fmt.Errorf("%w: %d of %d", errShort, written, rows)
	default:
		return nil
	}
}

// readingRows are the settings with which the engine reads rows, also where it does not insert them.
func readingRows(t table) url.Values {
	settings := url.Values{
		"input_format_skip_unknown_fields": {"0"},
		// A null is no default, and a row with a fault is not skipped, whatever the profile says.
		"input_format_null_as_default":    {"0"},
		"input_format_allow_errors_num":   {"0"},
		"input_format_allow_errors_ratio": {"0"},
		// JSON as other programs write it.
		"date_time_input_format": {"best_effort"},
	}
	// Settings that older servers do not know are sent where they matter.
	if t.tuples {
		settings.Set("input_format_json_ignore_unknown_keys_in_named_tuple", "0")
	}
	if t.freeForm {
		// Texts stay texts: as dates they would be changed into what a date can hold.
		settings.Set("input_format_try_infer_dates", "0")
		settings.Set("input_format_try_infer_datetimes", "0")
	}
	return settings
}

// token names a batch by the jobs in it, so that a table with a deduplication window recognises
// a batch that is sent twice. From the third attempt on each has a token of its own: the table
// may recognise rows that it does not have, because it was killed between its deduplication log
// and its data, or because they were deleted.
func token(rows []queued) string {
	sum := sha256.Sum256([]byte(strings.Join(ids(rows), "\n")))
	name := "sluice-jobs-" + hex.EncodeToString(sum[:16])
	attempt := 0
	for _, row := range rows {
		attempt = max(attempt, row.attempt)
	}
	if attempt > 2 {
		name += "-" + strconv.Itoa(attempt)
	}
	return name
}
