package cli

import (
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/ingest/request"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// flagOfField are the flags of the fields of a body, and what is right in them.
var flagOfField = map[string][2]string{
	request.FieldEventName: {"name", "want the name of an event, such as pageview"},
	request.FieldURL:       {"url", "want the address of a page, such as https://example.com/pricing"},
	request.FieldDomain:    {"site", "want the domain of a site, such as example.com"},
	request.FieldProps:     {"props", "want NAME=VALUE"},
	request.FieldTimestamp: {"timestamp", "want a time such as " + time.RFC3339},
}

// refusedError is the error of a request that the server answers with 400.
type refusedError struct {
	faults request.Errors
	// flags says that the body is made of flags.
	flags bool
}

// Unwrap returns the faults.
func (r refusedError) Unwrap() error { return r.faults }

// Error names the flags of the faults.
func (r refusedError) Error() string {
	lines := []string{"the server would answer 400"}
	for _, field := range r.faults.Fields() {
		where := "--body: field " + field
		want := ""
		if flag, ok := flagOfField[field]; ok && r.flags {
			where, want = "--"+flag[0], " ("+flag[1]+")"
		}
		lines = append(lines, where+": "+strings.Join(r.faults[field], ", ")+want)
	}
	return strings.Join(lines, "\n")
}

// tryInput returns the request of the flags as the server would read it. Every fault of the flags is returned at once.
func tryInput(c *cli.Context, trusted request.Proxies, now time.Time) (request.Request, error) {
	header, headerErr := tryHeader(c)
	peer, peerErr := tryPeer(c)
	body, bodyErr := tryBody(c)
	if err := errors.Join(bodyErr, peerErr, headerErr); err != nil {
		return request.Request{}, err
	}
	in := request.Input{
		ContentType: header.Get("Content-Type"), Body: body, UserAgent: header.Get("User-Agent"), Now: now,
		Authorised: c.IsSet("timestamp"),
	}
	in.RemoteIP, in.IPType = request.Remote(header, peer, trusted)
	parsed, err := request.Parse(in)
	if faults, ok := errors.AsType[request.Errors](err); ok {
		return request.Request{}, refusedError{faults: faults, flags: !c.IsSet("body")}
	}
	if err == nil && c.IsSet("revenue") && parsed.Revenue == nil {
		err = fmt.Errorf("--revenue %.60q: want AMOUNT:CURRENCY, such as 10.50:EUR, of at most %d digits before the point",
			c.String("revenue"), request.MaxAmountDigits)
	}
	return parsed, err
}

// tryPeer returns the address of the connection, "" for none.
func tryPeer(c *cli.Context) (string, error) {
	text := c.String("ip")
	if text == "" {
		if len(c.StringSlice("header")) > 0 {
			return "", errors.New("--ip is missing: want the address of the connection, which decides whether headers are read")
		}
		return "", nil
	}
	ip, err := netip.ParseAddr(text)
	if err != nil || ip.Zone() != "" {
		return "", fmt.Errorf("--ip %.60q: want an IP address, such as 203.0.113.9 or 2001:db8::1", text)
	}
	return netip.AddrPortFrom(ip, 1).String(), nil
}

func tryHeader(c *cli.Context) (http.Header, error) {
	header := http.Header{}
	var faults []error
	for _, text := range c.StringSlice("header") {
		name, value, ok := strings.Cut(text, ":")
		if name = strings.TrimSpace(name); !ok || name == "" || strings.ContainsAny(name, " \t") {
			faults = append(faults, fmt.Errorf("--header %.60q: want NAME:VALUE, such as X-Forwarded-For:203.0.113.9", text))
			continue
		}
		header.Add(name, strings.TrimSpace(value))
	}
	if c.IsSet("user-agent") {
		if header.Get("User-Agent") != "" {
			faults = append(faults, errors.New("--user-agent and --header User-Agent exclude each other"))
		}
		header.Set("User-Agent", c.String("user-agent"))
	}
	return header, errors.Join(faults...)
}

// tryBody returns the body: that of --body, or one of the flags.
func tryBody(c *cli.Context) ([]byte, error) {
	if c.IsSet("body") {
		for _, f := range eventFlags() {
			if name := f.Names()[0]; c.IsSet(name) {
				return nil, fmt.Errorf("--body and --%s exclude each other: the body has all fields", name)
			}
		}
		return readText(c, "body", c.String("body"))
	}
	faults := []error{
		requireFlag(c, "site", "the domain of a site (see `sluice site list`), or --body"),
		requireFlag(c, "url", "the address of a page, such as https://example.com/pricing"),
	}
	event := ingestclient.TrialEvent{
		Name: c.String("name"), URL: c.String("url"), Domains: c.String("site"), Referrer: c.String("referrer"),
		Timestamp: c.String("timestamp"),
	}
	for _, text := range c.StringSlice("props") {
		name, value, ok := strings.Cut(text, "=")
		if !ok || strings.TrimSpace(name) == "" {
			faults = append(faults, fmt.Errorf("--props %.60q: want NAME=VALUE, such as plan=team", text))
			continue
		}
		event.Props = append(event.Props, request.Prop{Key: name, Value: value})
	}
	if c.IsSet("revenue") {
		amount, unit, _ := strings.Cut(c.String("revenue"), ":")
		event.Revenue = &ingestclient.TrialRevenue{Amount: amount, Currency: unit}
	}
	return event.Body(), errors.Join(faults...)
}
