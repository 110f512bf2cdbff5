package clickhouse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// requestTimeout bounds one statement.
const requestTimeout = 30 * time.Second

// maxAnswer is how many bytes of an answer are read: the IDs of a batch, or an error.
const maxAnswer = 1 << 20

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

// fault is an answer that is an error.
type fault struct {
	// code is ClickHouse's, 0 if it was not ClickHouse who answered.
	code       int
	status     int
	retryAfter time.Duration
}

// Error says which error it was. Its text, which quotes rows, is left out.
func (f *fault) Error() string {
	if f.code == 0 {
		return "the server answered " + outbound.Describe(f.status)
	}
	if name := names[f.code]; name != "" {
		return fmt.Sprintf("ClickHouse answered with error %d, %s", f.code, name)
	}
	return fmt.Sprintf("ClickHouse answered with error %d", f.code)
}

// names are the errors that people meet, and whether they are the row's own fault.
var names = map[int]string{
	16: "no such column", 60: "unknown table", 81: "unknown database", 164: "read only", 193: "wrong password",
	194: "password required", 201: "quota exceeded", 202: "too many simultaneous queries", 241: "memory limit exceeded",
	242: "table is read only", 252: "too many parts", 497: "access denied", 516: "authentication failed",
	6: "cannot parse text", 26: "cannot parse a quoted string", 27: "cannot parse the input", 38: "cannot parse a date",
	41: "cannot parse a time", 53: "type mismatch", 69: "argument out of bound", 70: "cannot convert a type",
	72: "cannot parse a number", 117: "incorrect data", 131: "string too large", 349: "cannot insert null",
	376: "cannot parse a UUID", 407: "decimal overflow", 441: "cannot parse a domain value",
	469: "a constraint is violated",
	675: "cannot parse an IPv4 address", 676: "cannot parse an IPv6 address", 691: "unknown element of an enum",
}

// ofRow are the errors that are a row's own fault: without the row, the others go in.
var ofRow = map[int]bool{
	6: true, 26: true, 27: true, 38: true, 41: true, 53: true, 69: true, 70: true, 72: true, 117: true, 131: true,
	349: true, 376: true, 407: true, 441: true, 469: true, 675: true, 676: true, 691: true,
}

// badRow says whether an error is a row's own fault.
func badRow(err error) bool {
	var f *fault
	return errors.As(err, &f) && ofRow[f.code]
}

// query runs a statement with parameters of the URL and returns the answer.
func (s *server) query(ctx context.Context, statement string, parameters url.Values) ([]byte, error) {
	return s.do(ctx, parameters, strings.NewReader(statement))
}

// insert runs an INSERT with the rows behind it.
func (s *server) insert(ctx context.Context, statement string, parameters url.Values, rows []byte) error {
	values := url.Values{"query": {statement}}
	for name, value := range parameters {
		values[name] = value
	}
	_, err := s.do(ctx, values, bytes.NewReader(rows))
	return err
}

func (s *server) do(ctx context.Context, parameters url.Values, body io.Reader) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	u, err := url.Parse(s.settings.URL)
	if err != nil {
		return nil, errors.New("the connection's address is none")
	}
	u.RawQuery = parameters.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), body)
	if err != nil {
		return nil, errors.New("the connection's address is none")
	}
	request.Header.Set("X-ClickHouse-User", s.settings.User)
	request.Header.Set("X-ClickHouse-Database", s.settings.Database)
	if s.password != "" {
		request.Header.Set("X-ClickHouse-Key", s.password)
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, outbound.Unreachable(err, requestTimeout)
	}
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, outbound.Unreachable(err, requestTimeout)
	}
	code, err := strconv.Atoi(response.Header.Get("X-ClickHouse-Exception-Code"))
	if response.StatusCode == http.StatusOK && err != nil {
		if len(answer) == maxAnswer {
			return nil, errors.New("the server's answer is too long to be ClickHouse's")
		}
		return answer, nil
	}
	return nil, &fault{
		code: code, status: response.StatusCode,
		retryAfter: outbound.RetryAfter(response.Header.Get("Retry-After"), time.Now()),
	}
}
