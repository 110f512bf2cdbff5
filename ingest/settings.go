package ingest

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/currency"

	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/faults"
)

// Limits of a site's settings, beside those of its shields.
const (
	// MaxRateEvents bounds the events of a rate limit.
	MaxRateEvents = 1_000_000_000
	// MaxRateWindow bounds the window of a rate limit, which has whole seconds.
	MaxRateWindow = 24 * time.Hour
	// MaxGoals bounds the goals of a site.
	MaxGoals = 100
	// MaxProps bounds the allowed properties of a site. Upstream's.
	MaxProps = 300
	// MaxAllowIPs bounds the allowed networks of a site.
	MaxAllowIPs = 30
)

// ParseRateLimit parses EVENTS/DURATION, such as 600/60s. EVENTS is from 1 to MaxRateEvents, DURATION a number of
// seconds with a unit, from 1s to MaxRateWindow.
func ParseRateLimit(text string) (RateLimit, error) {
	wrong := func(reason string) (RateLimit, error) {
		return RateLimit{}, fmt.Errorf("parse rate limit %.40q: %s (want EVENTS/DURATION, such as 600/60s)", text, reason)
	}
	left, right, ok := strings.Cut(text, "/")
	if !ok {
		return wrong("it has no /")
	}
	events, err := strconv.ParseUint(left, 10, 32)
	if err != nil || events < 1 || events > MaxRateEvents || left[0] == '+' {
		return wrong(fmt.Sprintf("the number of events is not from 1 to %d", MaxRateEvents))
	}
	window, err := time.ParseDuration(right)
	if err != nil || window < time.Second || window > MaxRateWindow || window%time.Second != 0 {
		return wrong("the duration is not one of whole seconds, from 1s to 24h")
	}
	return RateLimit{Events: int(events), Window: window}, nil
}

// String returns the limit as ParseRateLimit takes it.
func (r RateLimit) String() string {
	return strconv.Itoa(r.Events) + "/" + strconv.FormatInt(int64(r.Window/time.Second), 10) + "s"
}

// ParseGoal parses NAME or NAME:CURRENCY: the name of an event, and the currency in which its revenue is reported, ""
// for none. A name may have colons; what follows the last one is a currency if it is an ISO 4217 code in upper case.
func ParseGoal(text string) (name, code string, err error) {
	name = text
	if i := strings.LastIndexByte(text, ':'); i >= 0 && isCurrency(text[i+1:]) {
		name, code = text[:i], text[i+1:]
	}
	if err := checkGoal(name, code); err != nil {
		return "", "", err
	}
	return name, code, nil
}

func checkGoal(name, code string) error {
	switch {
	case strings.TrimSpace(name) == "" || !utf8.ValidString(name) || strings.ContainsRune(name, 0):
		return fmt.Errorf("goal %.60q: want the name of an event, or NAME:CURRENCY", name)
	case utf8.RuneCountInString(name) > request.MaxName:
		return fmt.Errorf("goal %.60q: the name has more than %d characters", name, request.MaxName)
	case code != "" && !isCurrency(code):
		return fmt.Errorf("goal %.60q: currency is %.10q, want an ISO 4217 code such as EUR", name, code)
	default:
		return nil
	}
}

func isCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && len(code) == 3 && strings.ToUpper(code) == code
}

// CheckGoals returns every fault of goals, which map names to currencies, "" for none.
func CheckGoals(goals map[string]string) error {
	var f faults.Faults
	f.Check(len(goals) <= MaxGoals, "%d goals: want at most %d", len(goals), MaxGoals)
	for name, code := range goals {
		f.Add(checkGoal(name, code))
	}
	return f.Err()
}

// ParseProps parses a list of properties, separated by commas. Spaces around a name are removed, and repetitions.
func ParseProps(text string) ([]string, error) {
	var props []string
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name == "" {
			return nil, fmt.Errorf("properties %.60q: a name is empty (want NAME,NAME)", text)
		}
		if !slices.Contains(props, name) {
			props = append(props, name)
		}
	}
	return props, CheckProps(props)
}

// CheckProps returns every fault of a list of allowed properties.
func CheckProps(props []string) error {
	var f faults.Faults
	f.Check(len(props) <= MaxProps, "%d allowed properties: want at most %d", len(props), MaxProps)
	for _, name := range props {
		ok := strings.TrimSpace(name) != "" && len(name) <= request.MaxPropKey && utf8.ValidString(name) &&
			!strings.ContainsRune(name, 0)
		f.Check(ok, "property %.60q: want a name of 1 to %d bytes", name, request.MaxPropKey)
	}
	return f.Err()
}

// ParseNetwork parses an IP address or a network, such as 192.0.2.1 or 10.0.0.0/8. Bits beyond the network are refused.
func ParseNetwork(text string) (netip.Prefix, error) {
	wrong := func(reason string) (netip.Prefix, error) {
		return netip.Prefix{}, fmt.Errorf("network %.60q: %s (want an address or a network, such as 192.0.2.1 or 10.0.0.0/8)",
			text, reason)
	}
	if !strings.Contains(text, "/") {
		ip, err := netip.ParseAddr(text)
		if err != nil || ip.Zone() != "" {
			return wrong("not an IP address")
		}
		ip = ip.Unmap()
		return netip.PrefixFrom(ip, ip.BitLen()), nil
	}
	network, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return wrong("not a network")
	case network.Addr().Is4In6():
		return wrong("an IPv4 network is written without ::ffff:")
	case network != network.Masked():
		return wrong("it has bits beyond the network; " + network.Masked().String() + " has none")
	default:
		return network, nil
	}
}

// ParseCountry parses the code of a country rule: two letters, in any case. NoCountry is the rule for events without a
// country.
func ParseCountry(text string) (string, error) {
	code := strings.ToUpper(text)
	if len(text) != 2 || code[0] < 'A' || code[0] > 'Z' || code[1] < 'A' || code[1] > 'Z' {
		return "", fmt.Errorf("country %.10q: want an ISO 3166-1 code such as DE, or %s for events without a country",
			text, NoCountry)
	}
	return code, nil
}

// ParsePage parses the pattern of a page rule: a path of 1 to MaxPattern bytes that begins with /. "*" and "**" stand
// for any text.
func ParsePage(text string) (string, error) {
	if !strings.HasPrefix(text, "/") || !isPattern(text) {
		return "", fmt.Errorf("page %.60q: want a path of at most %d bytes that begins with /", text, MaxPattern)
	}
	return text, nil
}

// ParseHostname parses the pattern of a hostname rule, in lower case and without "www.". "*" and "**" stand for any
// text.
func ParseHostname(text string) (string, error) {
	host := strings.TrimPrefix(strings.ToLower(text), "www.")
	if !utf8.ValidString(text) || !isPattern(host) || strings.ContainsAny(host, "/ \t") {
		return "", fmt.Errorf("hostname %.60q: want a host of at most %d bytes, without scheme and path", text, MaxPattern)
	}
	return host, nil
}

func isPattern(text string) bool {
	return text != "" && len(text) <= MaxPattern && utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}
