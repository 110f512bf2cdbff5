package pages

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
)

// maxAnswer bounds an answer of the API to a page, in bytes.
const maxAnswer = 32 << 20

// List is a page of a list of the API.
type List[T any] struct {
	Items []T `json:"items"`
	// Next is the path and query of the next page at the API, "" on the last page.
	Next string `json:"next"`
}

// After returns the cursor of the next page, "" on the last one.
func (l List[T]) After() string {
	next, err := url.Parse(l.Next)
	if err != nil {
		return ""
	}
	return next.Query().Get("after")
}

// get returns what the API answers to GET. The path begins after api.Prefix. The error is an *api.Problem.
func get[T any](v *visit, path string, query url.Values) (T, error) {
	var out T
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	_, err := v.exchange(http.MethodGet, path, nil, nil, &out)
	return out, err
}

// getPage is get for a page of a list: these parameters of the browser's query are passed on, and the cursor.
func getPage[T any](v *visit, path string, names ...string) (List[T], error) {
	return get[List[T]](v, path, v.passed(append(names, "after")...))
}

// getEach returns the items of a list, and reads it page by page. It ends after an error. It changes the query.
func getEach[T any](v *visit, path string, query url.Values) iter.Seq2[T, error] {
	query.Set("limit", "200")
	return func(yield func(T, error) bool) {
		for {
			page, err := get[List[T]](v, path, query)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("after", page.After())
		}
	}
}

// getAll returns all items of a list.
func getAll[T any](v *visit, path string) (all []T, err error) {
	for item, err := range getEach[T](v, path, url.Values{}) {
		if err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// passed returns parameters of the browser's query that are not empty, without the blanks around them.
func (v *visit) passed(names ...string) url.Values {
	given, query := v.r.URL.Query(), url.Values{}
	for _, name := range names {
		if value := strings.TrimSpace(given.Get(name)); value != "" {
			query.Set(name, value)
		}
	}
	return query
}

// send sends an operation with a body of JSON, nil for none, and reads the answer into out, unless that is nil. The
// error is an *api.Problem.
func (v *visit) send(method, path string, body, out any) error {
	return v.sendWith(method, path, nil, body, out)
}

// sendWith is send with fields of the header.
func (v *visit) sendWith(method, path string, fields map[string]string, body, out any) error {
	if body == nil {
		_, err := v.exchange(method, path, nil, fields, out)
		return err
	}
	data, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the body of %s %s: %w", method, path, err)
	}
	all := map[string]string{"Content-Type": "application/json"}
	maps.Copy(all, fields)
	_, err = v.exchange(method, path, bytes.NewReader(data), all, out)
	return err
}

// getTagged is get for state that a form edits: it also returns the ETag of the state, for edit.
func getTagged[T any](v *visit, path string) (out T, etag string, err error) {
	header, err := v.exchange(http.MethodGet, path, nil, nil, &out)
	return out, header.Get("ETag"), err
}

// edit is send for state that the form has shown, whose field etag has its ETag: state that has changed meanwhile is
// not overwritten.
func (v *visit) edit(method, path string, body any) error {
	return v.sendWith(method, path, map[string]string{"If-Match": v.r.PostForm.Get("etag")}, body, nil)
}

// newKey returns the value of a form's field key, for sendOnce.
func newKey() string { return rand.Text() }

// sendOnce is send with POST for a form whose field key is of newKey: the form sent again has the first answer, and
// does nothing.
func (v *visit) sendOnce(path string, body, out any) error {
	fields := map[string]string{}
	if key := v.r.PostForm.Get("key"); key != "" {
		fields["Idempotency-Key"] = key
	}
	return v.sendWith(http.MethodPost, path, fields, body, out)
}

// exchange sends a request to the API, as the browser: with its credentials and its address. It returns the header of
// the answer.
func (v *visit) exchange(
	method, path string, body io.Reader, fields map[string]string, out any,
) (http.Header, error) {
	ctx := api.FromPage(v.r.Context())
	if v.who.Kind != "" {
		ctx = access.With(ctx, v.who)
	}
	r, err := http.NewRequestWithContext(ctx, method, api.Prefix+path, body)
	if err != nil {
		return nil, fmt.Errorf("request %s %s: %w", method, path, err)
	}
	r.RemoteAddr, r.Host, r.TLS = v.r.RemoteAddr, v.r.Host, v.r.TLS
	r.Header = passedOn(v.r.Header)
	for name, value := range fields {
		r.Header.Set(name, value)
	}
	a := &answer{ResponseWriter: v.w, header: http.Header{}, status: http.StatusOK}
	v.pages.cfg.API.ServeHTTP(a, r)
	// A session begins or ends for the browser.
	for _, cookie := range a.header.Values("Set-Cookie") {
		v.w.Header().Add("Set-Cookie", cookie)
	}
	switch {
	case a.err != nil:
		return nil, fmt.Errorf("%s %s: %w", method, path, a.err)
	case a.status >= http.StatusBadRequest:
		return nil, a.problem()
	case out == nil || a.body.Len() == 0:
		return a.header, nil
	}
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return nil, fmt.Errorf("read the answer to %s %s: %w", method, path, err)
	}
	return a.header, nil
}

// ownFields are header fields of the browser's request that do not concern the request to the API.
var ownFields = []string{
	"Accept", "Accept-Encoding", "Content-Encoding", "Content-Length", "Content-Type", "Expect", "If-Match",
	"If-Modified-Since", "If-None-Match", "If-Range", "If-Unmodified-Since", "Origin", "Range", "Transfer-Encoding",
}

// passedOn returns the header of a request to the API.
func passedOn(from http.Header) http.Header {
	header := from.Clone()
	for _, name := range ownFields {
		header.Del(name)
	}
	for name := range header {
		// The origin of the form was checked.
		if strings.HasPrefix(name, "Sec-") || strings.HasPrefix(name, "Hx-") {
			delete(header, name)
		}
	}
	return header
}

// answer is an http.ResponseWriter that keeps the answer of the API.
type answer struct {
	http.ResponseWriter
	header http.Header
	status int
	body   bytes.Buffer
	err    error
}

// Header implements http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// Unwrap gives http.ResponseController the deadlines of the browser's connection: an upload extends them.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) { a.status = status }

// Write implements io.Writer.
func (a *answer) Write(data []byte) (int, error) {
	if a.body.Len()+len(data) > maxAnswer {
		a.err = fmt.Errorf("the answer has more than %d bytes", maxAnswer)
		return 0, a.err
	}
	return a.body.Write(data)
}

// problem returns the problem of an answer.
func (a *answer) problem() error {
	problem := &api.Problem{}
	if err := json.Unmarshal(a.body.Bytes(), problem); err != nil || problem.Title == "" {
		return errors.Join(fmt.Errorf("the API answered with status %d", a.status), err)
	}
	problem.Status = a.status
	problem.SetHeaders(a.header)
	return problem
}
