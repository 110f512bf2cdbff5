package clickhouse

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/ClickHouse/ch-go/compress"
)

// holdBack is how much of an answer is kept before the first byte is sent.
// An answer that fails within it gets a proper status, and one that ends
// within it tells its length and what the query did.
const holdBack = 64 << 10

// response is the answer to a request. It is written by one goroutine.
type response struct {
	w   http.ResponseWriter
	req *request
	tag string // of an exception in mid-stream

	held    []byte
	encoder encoder // nil until the headers have been sent
}

// newResponse prepares the headers that every answer has.
func newResponse(w http.ResponseWriter, req *request, e *engine) *response {
	var tag [8]byte
	rand.Read(tag[:]) // never fails: the program would end instead
	r := &response{w: w, req: req, tag: hex.EncodeToString(tag[:])}
	h := w.Header()
	h.Set("X-ClickHouse-Server-Display-Name", e.displayName)
	h.Set("X-ClickHouse-Query-Id", req.id)
	h.Set("X-ClickHouse-Timezone", e.timezone)
	h.Set("X-ClickHouse-Exception-Tag", r.tag)
	return r
}

// setFormat announces the format of the answer.
func (r *response) setFormat(format string) {
	r.w.Header().Set("X-ClickHouse-Format", format)
	r.w.Header().Set("Content-Type", contentType(format))
}

// Write adds to the answer.
func (r *response) Write(p []byte) (int, error) {
	if r.encoder == nil {
		if r.req.wait || len(r.held)+len(p) <= holdBack {
			r.held = append(r.held, p...)
			return len(p), nil
		}
		if err := r.start(); err != nil {
			return 0, err
		}
	}
	return r.encoder.Write(p)
}

// start sends the headers and what has been held back.
func (r *response) start() error {
	encoder, err := newEncoder(r.req.encoding, r.w)
	if err != nil {
		return err
	}
	r.encoder = encoder
	if name := r.req.encoding.http; name != "" {
		r.w.Header().Set("Content-Encoding", name)
		r.w.Header().Add("Vary", "Accept-Encoding")
	}
	r.w.WriteHeader(http.StatusOK)
	if len(r.held) > 0 {
		_, err = encoder.Write(r.held)
		r.held = nil
	}
	return err
}

// finish ends the answer to a query that has succeeded.
func (r *response) finish(p progress) error {
	if r.encoder == nil {
		r.w.Header().Set("X-ClickHouse-Summary", p.summary())
		if len(r.held) == 0 {
			// An empty answer has no compression: clients look at its length.
			r.w.Header().Set("Content-Length", "0")
			r.w.WriteHeader(http.StatusOK)
			return nil
		}
		if err := r.start(); err != nil {
			return err
		}
	}
	return r.encoder.Close()
}

// fail tells the client of err. If data are on their way already, the
// exception goes in behind them and true is returned: the connection must
// then be broken, as the answer must not look complete.
func (r *response) fail(err error) (abort bool, writeErr error) {
	e := asException(err)
	if r.encoder == nil {
		h := r.w.Header()
		h.Set("X-ClickHouse-Exception-Code", strconv.Itoa(e.code))
		h.Set("Content-Type", "text/plain; charset=UTF-8")
		r.w.WriteHeader(e.status())
		_, writeErr := io.WriteString(r.w, e.text+"\n")
		return false, writeErr
	}
	return true, r.writeException(e)
}

// writeException puts the exception into the stream, framed as by a server
// (https://clickhouse.com/docs/interfaces/http#http_response_codes_caveats).
func (r *response) writeException(e *exception) error {
	text := e.text + "\n"
	frame := fmt.Sprintf("\r\n__exception__\r\n%s\r\n%s%d %s\r\n__exception__\r\n", r.tag, text, len(text), r.tag)
	out := r.encoder
	if r.req.encoding.native {
		// In a block that is not compressed, clients which look for the frame
		// find it in what they have received as well as in what they decoded.
		out = &blockEncoder{r.w, compress.NewWriter(compress.LevelZero, compress.None)}
	}
	if _, err := io.WriteString(out, frame); err != nil {
		return err
	}
	if err := out.Close(); err != nil {
		return err
	}
	return http.NewResponseController(r.w).Flush()
}

// summary is the value of X-ClickHouse-Summary. Its numbers are strings, as
// they come from a server.
func (p progress) summary() string {
	return fmt.Sprintf(`{"read_rows":"%d","read_bytes":"%d","written_rows":"%d","written_bytes":"%d",`+
		`"total_rows_to_read":"0","result_rows":"0","result_bytes":"0"}`,
		p.readRows, p.readBytes, p.writtenRows, p.writtenBytes)
}

// contentType is the media type of a format.
func contentType(format string) string {
	switch {
	case strings.HasPrefix(format, "JSONEachRow"), strings.HasPrefix(format, "JSONCompactEachRow"),
		strings.HasPrefix(format, "JSONStringsEachRow"):
		return "application/x-ndjson; charset=UTF-8"
	case strings.HasPrefix(format, "JSON"):
		return "application/json; charset=UTF-8"
	case strings.HasPrefix(format, "TabSeparated"), strings.HasPrefix(format, "TSV"):
		return "text/tab-separated-values; charset=UTF-8"
	case strings.HasPrefix(format, "CSVWithNames"):
		return "text/csv; charset=UTF-8; header=present"
	case strings.HasPrefix(format, "CSV"):
		return "text/csv; charset=UTF-8; header=absent"
	case format == "Native", format == "Parquet", format == "Arrow", format == "ArrowStream", format == "ORC",
		strings.HasPrefix(format, "RowBinary"):
		return "application/octet-stream"
	case format == "XML":
		return "application/xml; charset=UTF-8"
	default:
		return "text/plain; charset=UTF-8"
	}
}
