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

// Limits of responses, in bytes.
const (
	maxAnswer      = 256 << 20
	maxErrorAnswer = 1 << 20
)

// client requests reports of one property with the credentials of one connection.
type client struct {
	*Importer
	connection connections.Connection
	settings   Settings
	source     *tokenSource
	property   string
	// gate is the key of the import's limiter, slots its limit of concurrent requests, 0 for none.
	gate  string
	slots int
}

// client opens the connection named in the arguments.
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

// connect returns a client without a property.
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

// run requests a report within the property's limits. It retries once if the access token is
// refused, which happens if the token is revoked before it expires. Warnings are about quotas.
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
	// Check after the wait: earlier requests may have used the quota up.
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

// call sends a request with an access token and decodes the response. Its errors are written for
// users.
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

// send sends one request.
func (c *client) send(ctx context.Context, method, url, token string, body []byte, into any) (err error) {
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Content-Type", "application/json")
	// The transport decompresses gzip, and the limit applies to the uncompressed size.
	res, err := c.cfg.Transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode < 200 || res.StatusCode > 299 {
		raw, err := io.ReadAll(io.LimitReader(res.Body, maxErrorAnswer))
		// A truncated error body is sufficient: the status determines the class.
		return errors.Join(googleapi.CheckResponseWithBody(res, raw), err)
	}
	limited := &io.LimitedReader{R: res.Body, N: c.maxAnswer}
	if err := json.NewDecoder(limited).Decode(into); err != nil {
		if limited.N <= 0 {
			return importers.Permanent(importers.ClassInternal, fmt.Errorf(
				"google's response is larger than %d bytes", c.maxAnswer))
		}
		return fmt.Errorf("read the response: %w", err)
	}
	return nil
}

// redact removes secrets from a text of another author.
func (c *client) redact(text, token string) string {
	if token != "" {
		text = strings.ReplaceAll(text, token, "[secret]")
	}
	return c.connection.Redact(text)
}

// what names the object of the request.
func (c *client) what() string { return cmp.Or(c.property, "the account") }
