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
	parameters := url.Values{
		"query":                            {"INSERT INTO " + quoteTable(r.to.table) + " FORMAT JSONEachRow"},
		"insert_deduplication_token":       {token(rows)},
		"input_format_skip_unknown_fields": {"0"},
		// A null is no default, and a row with a fault is not skipped, whatever the profile says.
		"input_format_null_as_default":    {"0"},
		"input_format_allow_errors_num":   {"0"},
		"input_format_allow_errors_ratio": {"0"},
		// What was acknowledged is there, also in the tables behind a Distributed one.
		"async_insert":            {"0"},
		"insert_distributed_sync": {"1"},
		// JSON as other programs write it.
		"date_time_input_format": {"best_effort"},
	}
	// Settings that older servers do not know are sent where they matter.
	if r.table.tuples {
		parameters["input_format_json_ignore_unknown_keys_in_named_tuple"] = []string{"0"}
	}
	if r.table.freeForm {
		// Texts stay texts: as dates they would be changed into what a date can hold.
		parameters["input_format_try_infer_dates"] = []string{"0"}
		parameters["input_format_try_infer_datetimes"] = []string{"0"}
	}
	a, err := r.server.do(ctx, parameters, &body)
	if err != nil {
		return err
	}
	written, err := a.inserted()
	switch {
	case err != nil:
		return err
	case written < int64(len(rows)):
		return fmt.Errorf("%w: %d of %d", errShort, written, len(rows))
	default:
		return nil
	}
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
