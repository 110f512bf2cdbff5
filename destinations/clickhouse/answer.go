package clickhouse

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/outbound"
)

// answer is an answer of ClickHouse that is no error, as far as its headers say.
type answer struct {
	body []byte
	// written is how many rows the statement has written, in all tables together.
	written int64
	// zone is the server's time zone.
	zone string
}

// Headers of ClickHouse: https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats.
const (
	headerCode    = "X-ClickHouse-Exception-Code"
	headerSummary = "X-ClickHouse-Summary"
	headerZone    = "X-ClickHouse-Timezone"
)

// read tells an answer of ClickHouse from its errors and from answers of others. The status
// alone proves nothing: a proxy's page has 200, too, and so has an exception that comes late.
// The body has at most limit bytes; one that has as many is cut.
func read(r *http.Response, body []byte, limit int) (answer, error) {
	code, err := strconv.Atoi(r.Header.Get(headerCode))
	if err != nil && r.StatusCode != http.StatusOK {
		code, _ = exception(body)
	}
	if code != 0 || r.StatusCode != http.StatusOK {
		f := newFault(code, body)
		f.status, f.retryAfter = r.StatusCode, outbound.RetryAfter(r.Header.Get("Retry-After"), time.Now())
		return answer{}, f
	}
	if len(body) == limit {
		return answer{}, fmt.Errorf("%w: more than %d bytes", errTooLarge, limit)
	}
	// Before 22.x numbers are texts, and later ones may be numbers.
	var summary map[string]json.RawMessage
	if json.Unmarshal([]byte(r.Header.Get(headerSummary)), &summary) != nil || summary == nil {
		return answer{}, fmt.Errorf("the server answered 200 OK without %s: this is no answer of ClickHouse "+
			"(want the URL of its HTTP interface, and a proxy that passes the header on)", headerSummary)
	}
	a := answer{body: body, zone: r.Header.Get(headerZone)}
	if text := strings.Trim(string(summary["written_rows"]), `"`); text != "" {
		if a.written, err = strconv.ParseInt(text, 10, 64); err != nil {
			return answer{}, fmt.Errorf("the server's %s cannot be read", headerSummary)
		}
	}
	return a, nil
}

// errTooLarge is an answer of which not all was read.
var errTooLarge = errors.New("the server's answer is too large")

// exceptions are exceptions in a body, alone or behind what was sent before
// (https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats).
var exceptions = regexp.MustCompile(`Code: (\d{1,6})\. DB::[A-Za-z:]*Exception`)

// exception returns the code of the exception in a body.
func exception(body []byte) (code int, found bool) {
	match := exceptions.FindSubmatch(body)
	if match == nil {
		return 0, false
	}
	code, err := strconv.Atoi(string(match[1]))
	return code, err == nil
}

// errUnreadable is an answer with the headers of ClickHouse that cannot be read.
var errUnreadable = errors.New("the server's answer is not that of ClickHouse: it is cut or has something else in it")

// decode reads the rows of an answer in the format JSON. Answers that are not whole are
// errors: their count of rows is missing or differs.
func (a answer) decode(rows any) error {
	var whole struct {
		Data      []json.RawMessage `json:"data"`
		Rows      *int              `json:"rows"`
		Exception string            `json:"exception"`
	}
	err := json.Unmarshal(a.body, &whole)
	if err != nil || whole.Exception != "" {
		if code, found := exception(a.body); found {
			return newFault(code, a.body)
		}
	}
	if err != nil || whole.Rows == nil || *whole.Rows != len(whole.Data) || whole.Exception != "" {
		return errUnreadable
	}
	data, err := json.Marshal(whole.Data)
	if err != nil || json.Unmarshal(data, rows) != nil {
		return errUnreadable
	}
	return nil
}

// inserted returns how many rows an INSERT has written. The answer to one has no body.
func (a answer) inserted() (int64, error) {
	if len(bytes.TrimSpace(a.body)) == 0 {
		return a.written, nil
	}
	if code, found := exception(a.body); found {
		return 0, newFault(code, a.body)
	}
	return 0, errUnreadable
}
