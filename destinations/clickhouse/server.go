package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// requestTimeout bounds one statement.
const requestTimeout = 30 * time.Second

// maxAnswer is how many bytes of an answer are read: IDs, a table's columns, or an error.
const maxAnswer = 4 << 20

// server runs statements over HTTP. The driver would do as well, but does not tell what an
// answer's headers say: https://clickhouse.com/docs/interfaces/http.
type server struct {
	http     *http.Client
	settings settings
	password string
}

func newServer(with clients, c connections.Connection) (*server, error) {
	if c.Kind != KindName {
		return nil, fmt.Errorf("the connection %s is of kind %s: want %s", c.Name, c.Kind, KindName)
	}
	s, err := parseSettings(c.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings of the connection %s: %w", c.Name, err)
	}
	return &server{http: with.of(c), settings: s, password: c.Secrets[secretPassword]}, nil
}

// clients are the client for connections with a password, which is exposed by http, and the one
// for those without.
type clients struct{ secret, open *http.Client }

func newClients(guard outbound.Guard) clients {
	return clients{secret: guard.Client(outbound.Exposed), open: guard.Client(outbound.Protected)}
}

// of returns the client for a connection.
func (w clients) of(c connections.Connection) *http.Client {
	if c.Secrets[secretPassword] == "" {
		return w.open
	}
	return w.secret
}

// query runs a statement that ends in FORMAT JSON, and decodes its rows into the slice that
// rows points to.
func (s *server) query(ctx context.Context, statement string, rows any) (answer, error) {
	return s.queryUpTo(ctx, maxAnswer, nil, statement, rows)
}

// queryUpTo is query with settings, for an answer of less than limit bytes. The error is errTooLarge for a larger one.
func (s *server) queryUpTo(
	ctx context.Context, limit int, settings url.Values, statement string, rows any,
) (answer, error) {
	a, err := s.doUpTo(ctx, limit, settings, strings.NewReader(statement))
	if err != nil {
		return answer{}, err
	}
	return a, a.decode(rows)
}

// unanswered is the error of a request that has no answer.
type unanswered struct {
	error
	// sent says that the server may have got the request, and have done what it asks for.
	sent bool
}

// Unwrap returns the cause.
func (u *unanswered) Unwrap() error { return u.error }

// do sends a request and returns its answer, if it is one of ClickHouse and no error.
func (s *server) do(ctx context.Context, parameters url.Values, body io.Reader) (answer, error) {
	return s.doUpTo(ctx, maxAnswer, parameters, body)
}

// doUpTo is do for an answer of less than limit bytes.
func (s *server) doUpTo(ctx context.Context, limit int, parameters url.Values, body io.Reader) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	sent := false
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { sent = true }})
	request, err := s.request(ctx, parameters, body)
	if err != nil {
		return answer{}, err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return answer{}, &unanswered{outbound.Unreachable(err, requestTimeout), sent}
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return answer{}, &unanswered{outbound.Unreachable(err, requestTimeout), sent}
	}
	return read(response, text, limit)
}

func (s *server) request(ctx context.Context, parameters url.Values, body io.Reader) (*http.Request, error) {
	u, err := url.Parse(s.settings.URL)
	if err != nil {
		return nil, errors.New(`invalid "url" of the connection`)
	}
	values := url.Values{
		// The whole answer is there before its status and its summary are sent.
		"wait_end_of_query": {"1"},
	}
	for name, value := range parameters {
		values[name] = value
	}
	u.RawQuery = values.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return nil, errors.New(`invalid "url" of the connection`)
	}
	request.Header.Set("X-ClickHouse-User", s.settings.User)
	request.Header.Set("X-ClickHouse-Database", s.settings.Database)
	if s.password != "" {
		request.Header.Set("X-ClickHouse-Key", s.password)
	}
	return request, nil
}
