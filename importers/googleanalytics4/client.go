package googleanalytics4

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	analyticsdata "google.golang.org/api/analyticsdata/v1beta"
	"google.golang.org/api/googleapi"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
)

// Limits of answers, in bytes.
const (
	maxAnswer      = 256 << 20
	maxErrorAnswer = 1 << 20
)

// client asks for reports of one property with the credentials of one connection.
type client struct {
	*Importer
	connection connections.Connection
	settings   Settings
	source     *tokenSource
	property   string
	// gate bounds the requests of one import; slots is how many, 0 for no bound.
	gate  string
	slots int
}

// client opens the connection that the arguments name.
func (g *Importer) client(ctx context.Context, imp importers.Import, args Args) (*client, error) {
	conn, err := imp.Connections.Open(ctx, args.Connection)
	if errors.Is(err, connections.ErrNotFound) {
		return nil, importers.Permanent(importers.ClassInput, fmt.Errorf(`argument "connection": %w`, err))
	}
	if err != nil {
		return nil, fmt.Errorf("open connection: %w", err)
	}
	c, err := g.connect(conn)
	if err != nil {
		return nil, err
	}
	c.property, c.slots, c.gate = args.Property, args.Parallelism, "import/"+strconv.FormatInt(imp.ID, 10)
	return c, nil
}

// connect makes a client without a property.
func (g *Importer) connect(conn connections.Connection) (*client, error) {
	if conn.Kind != Name {
		return nil, importers.Permanent(importers.ClassInput, fmt.Errorf(
			"connection %q is of kind %q: want %q", conn.Name, conn.Kind, Name))
	}
	settings, err := parseSettings(conn.Settings)
	if err != nil {
		return nil, importers.Permanent(importers.ClassInput, fmt.Errorf("connection %q: %w", conn.Name, err))
	}
	source, err := g.tokens.source(settings, conn, g.cfg.Transport)
	if err != nil {
		return nil, fmt.Errorf("connection %q: %w", conn.Name, err)
	}
	return &client{Importer: g, connection: conn, settings: settings, source: source}, nil
}

// run asks for a report: within the property's limits, with one more try if the access
// token was refused, which happens when it is withdrawn before its time. Warnings are
// about quotas.
func (c *client) run(
	ctx context.Context, req *analyticsdata.RunReportRequest,
) (answer *response, warnings []string, err error) {
	body, err := json.Marshal(req)
	if err != nil {
		return nil, nil, fmt.Errorf("write request: %w", err)
	}
	if c.slots > 0 {
		release, err := c.limiter.acquire(ctx, c.gate, c.slots)
		if err != nil {
			return nil, nil, err
		}
		defer release()
	}
	release, err := c.limiter.acquire(ctx, c.property, MaxConcurrentRequests)
	if err != nil {
		return nil, nil, err
	}
	defer release()
	// Behind the gate: what was asked before us may have used the quota up.
	book := c.connection.Name + "/" + c.property
	if err := c.quotas.check(book, c.cfg.Now(), c.cfg.Jitter); err != nil {
		return nil, nil, err
	}
	answer = &response{}
	url := c.settings.endpoints().data + "/v1beta/" + c.property + ":runReport?alt=json&prettyPrint=false"
	if err := c.call(ctx, http.MethodPost, url, body, answer); err != nil {
		return nil, nil, err
	}
	return answer, c.quotas.note(book, answer.PropertyQuota, c.cfg.Now()), nil
}

// call makes a request with an access token and decodes the answer. Its errors are worded.
func (c *client) call(ctx context.Context, method, url string, body []byte, into any) error {
	for attempt := 1; ; attempt++ {
		timed, cancel := context.WithTimeout(ctx, RequestTimeout)
		token, err := c.source.get(timed)
		if err == nil {
			err = c.send(timed, method, url, token, body, into)
		}
		cancel()
		var refused *googleapi.Error
		if attempt == 1 && errors.As(err, &refused) && refused.Code == http.StatusUnauthorized {
			if err := c.source.drop(ctx, token); err != nil {
				return err
			}
			continue
		}
		return c.fault(ctx, err, token)
	}
}

// send makes one request.
func (c *client) send(ctx context.Context, method, url, token string, body []byte, into any) (err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	// The transport unpacks gzip, and the limit below counts what is unpacked.
	res, err := c.cfg.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		raw, err := io.ReadAll(io.LimitReader(res.Body, maxErrorAnswer))
		// What was read of an error's explanation is enough; the status tells most.
		return errors.Join(googleapi.CheckResponseWithBody(res, raw), err)
	}
	limited := &io.LimitedReader{R: res.Body, N: c.maxAnswer}
	if err := json.NewDecoder(limited).Decode(into); err != nil {
		if limited.N <= 0 {
			return importers.Permanent(importers.ClassInternal, fmt.Errorf(
				"google's answer is larger than %d bytes", c.maxAnswer))
		}
		return fmt.Errorf("read the answer: %w", err)
	}
	return nil
}

// redact takes secrets out of a text whose author is somebody else.
func (c *client) redact(text, token string) string {
	if token != "" {
		text = strings.ReplaceAll(text, token, "[secret]")
	}
	return c.connection.Redact(text)
}

// what names what is asked about.
func (c *client) what() string { return cmp.Or(c.property, "the account") }
