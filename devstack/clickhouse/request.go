package clickhouse

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	// headSize is how much of a body is read to find out whether it is a
	// query or an INSERT with data. It is the engine's default for
	// max_query_size, more than which it would not parse anyway.
	headSize = 256 << 10

	// maxQuery bounds a query without data that max_query_size allows.
	maxQuery = 64 << 20

	// maxFormMemory is how much of a form's external tables is held in memory;
	// the rest goes to temporary files.
	maxFormMemory = 8 << 20
)

// request is what a client asks for, read from the URL and the headers.
type request struct {
	id       string // the client's query_id, or one of ours
	mark     string // names the query to the engine
	database string
	// defaultFormat is the format of output that no FORMAT clause names.
	defaultFormat string
	protocol      uint64 // client_protocol_version
	settings      []setting
	params        params
	readOnly      bool
	// wait holds the answer back until the query has succeeded.
	wait bool
	// encoding is how the answer is to be compressed.
	encoding encoding

	query    string // of the URL, "" if the body has it
	body     io.Reader
	external []externalTable
	form     *multipart.Form
}

// parseRequest reads everything but the body, of which it only removes the
// compression. Credentials are taken as they come and not looked at: access
// is limited by listening on a loopback address.
func parseRequest(r *http.Request) (*request, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, newException(codeBadArguments, "cannot parse the URL's parameters: %s", err)
	}
	req := &request{
		id:       values.Get("query_id"),
		mark:     newMark(),
		database: firstOf(values.Get("database"), r.Header.Get("X-ClickHouse-Database")),
		// The order is ClickHouse's own: the header beats the parameter.
		defaultFormat: firstOf(r.Header.Get("X-ClickHouse-Format"), values.Get("default_format"), "TabSeparated"),
		readOnly:      r.Method == http.MethodGet || r.Method == http.MethodHead,
		wait:          isTrue(values.Get("wait_end_of_query")),
		query:         values.Get("query"),
	}
	req.id = cmp.Or(req.id, req.mark)
	if v := values.Get("client_protocol_version"); v != "" {
		if req.protocol, err = strconv.ParseUint(v, 10, 64); err != nil {
			return nil, newException(codeBadArguments, "client_protocol_version: want a number, got %q", v)
		}
	}
	if req.encoding, err = answerEncoding(values, r.Header); err != nil {
		return nil, err
	}
	if req.body, err = decodeBody(r, isTrue(values.Get("decompress"))); err != nil {
		return nil, err
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		if err := req.readForm(r, values); err != nil {
			return nil, err
		}
	}
	req.settings, req.params, err = splitParams(values)
	return req, err
}

// statement reads the query and returns it with what follows it: the data of
// an INSERT. The query is what stands in the URL, a line break and the body.
func (req *request) statement() (statement, io.Reader, error) {
	body, size := req.body, headSize
	if req.query != "" {
		body = io.MultiReader(strings.NewReader(req.query+"\n"), body)
		size += len(req.query)
	}
	buffered := bufio.NewReaderSize(body, size)
	head, err := buffered.Peek(size)
	if errors.Is(err, io.EOF) {
		return complete(string(head))
	}
	if err != nil {
		return statement{}, nil, bodyError(err)
	}
	st, ok, err := analyse(string(head), true)
	if err != nil {
		return statement{}, nil, err
	}
	if ok {
		if _, err := buffered.Discard(st.dataAt); err != nil {
			return statement{}, nil, bodyError(err)
		}
		return st, buffered, nil
	}
	text, err := io.ReadAll(io.LimitReader(buffered, maxQuery+1))
	if err != nil {
		return statement{}, nil, bodyError(err)
	}
	if len(text) > maxQuery {
		return statement{}, nil, newException(codeSyntaxError,
			"Max query size exceeded: a query has at most %d bytes", maxQuery)
	}
	return complete(string(text))
}

// complete analyses a text of which nothing is missing.
func complete(text string) (statement, io.Reader, error) {
	st, _, err := analyse(text, false)
	if err != nil {
		return statement{}, nil, err
	}
	return st, strings.NewReader(text[st.dataAt:]), nil
}

// bodyError makes an exception of what went wrong with a request's body.
func bodyError(err error) error {
	if e, ok := errors.AsType[*exception](err); ok {
		return e
	}
	return newException(codeCannotReadAllData, "Cannot read all data: the request's body is broken: %s", err)
}

// newMark returns a name that no other query has.
func newMark() string {
	var b [16]byte
	rand.Read(b[:]) // never fails: the program would end instead
	id := hex.EncodeToString(b[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:])
}

// firstOf returns the first text that is not empty.
func firstOf(texts ...string) string {
	for _, t := range texts {
		if t != "" {
			return t
		}
	}
	return ""
}

// isTrue reads a switch as ClickHouse does.
func isTrue(v string) bool { return v == "1" || strings.EqualFold(v, "true") }
