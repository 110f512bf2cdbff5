// Package lists reads the plain lists of reference data: hosts of referrer spam, networks
// and autonomous systems of data centres, rates of currencies, and the lists of sources.
package lists

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"

	"github.com/gaissmai/bart"
	"github.com/shopspring/decimal"
)

// Hosts is a set of host names.
type Hosts map[string]struct{}

// NewHosts returns a set of hosts in lower case without "www.".
func NewHosts(names ...string) Hosts {
	hosts := make(Hosts, len(names))
	for _, name := range names {
		hosts[name] = struct{}{}
	}
	return hosts
}

// Has reports whether a host, with or without "www.", is in the set.
func (h Hosts) Has(host string) bool {
	_, ok := h[strings.TrimPrefix(host, "www.")]
	return ok
}

// MaxEntries is the number of entries of a list.
const MaxEntries = 2_000_000

// each calls read for every line that is neither empty nor a comment.
func each(content []byte, read func(line string) error) error {
	scanner := bufio.NewScanner(bytes.NewReader(content))
	entries := 0
	for number := 1; scanner.Scan(); number++ {
		line, _, _ := strings.Cut(scanner.Text(), "#")
		if line = strings.TrimSpace(line); line == "" {
			continue
		}
		entries++
		if entries > MaxEntries {
			return fmt.Errorf("line %d: the list has more than %d entries", number, MaxEntries)
		}
		if err := read(line); err != nil {
			return fmt.Errorf("line %d: %w", number, err)
		}
	}
	return scanner.Err()
}

var hostName = regexp.MustCompile(`^[\pL\pN_.-]{1,253}$`)

// ParseHosts reads a host a line, as Matomo's list of referrer spam has them.
func ParseHosts(content []byte) (Hosts, error) {
	hosts := Hosts{}
	err := each(content, func(line string) error {
		if !hostName.MatchString(line) || !strings.Contains(line, ".") {
			return fmt.Errorf("%.60q is no host name", line)
		}
		hosts[strings.TrimPrefix(strings.ToLower(line), "www.")] = struct{}{}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the list of hosts: %w", err)
	}
	return hosts, nil
}

// Networks is a set of networks.
type Networks struct{ table bart.Lite }

// Has reports whether an address lies in one of the networks.
func (n *Networks) Has(ip netip.Addr) bool {
	return n != nil && ip.IsValid() && n.table.Contains(ip.Unmap().WithZone(""))
}

// Len is the number of networks.
func (n *Networks) Len() int {
	if n == nil {
		return 0
	}
	return n.table.Size()
}

// ParseNetworks reads a network or an address a line.
func ParseNetworks(content []byte) (*Networks, error) {
	n := &Networks{}
	err := each(content, func(line string) error {
		if ip, err := netip.ParseAddr(line); err == nil {
			ip = ip.Unmap()
			n.table.Insert(netip.PrefixFrom(ip, ip.BitLen()))
			return nil
		}
		prefix, err := netip.ParsePrefix(line)
		if err != nil {
			return fmt.Errorf("%.60q is no network (want 192.0.2.0/24 or an address)", line)
		}
		n.table.Insert(prefix.Masked())
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the list of networks: %w", err)
	}
	return n, nil
}

// ParseNumbers reads the numbers of autonomous systems from the first column of a list
// with commas, as brianhama/bad-asn-list has them. The first line may be a header.
func ParseNumbers(content []byte) (map[uint32]struct{}, error) {
	numbers := map[uint32]struct{}{}
	first := true
	err := each(content, func(line string) error {
		header := first
		first = false
		text, _, _ := strings.Cut(line, ",")
		text = strings.Trim(strings.TrimSpace(text), `"`)
		number, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(text), "AS"), 10, 32)
		if err != nil && !header {
			return fmt.Errorf("%.60q is no number of an autonomous system", text)
		}
		if err == nil {
			numbers[uint32(number)] = struct{}{}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read the list of autonomous systems: %w", err)
	}
	return numbers, nil
}

// Rates are rates of currencies against a base.
type Rates map[string]decimal.Decimal

// ParseRates reads {"base": "USD", "rates": {"EUR": 0.9}}, the form of Open Exchange Rates.
func ParseRates(content []byte) (Rates, error) {
	var file struct {
		Base  string                     `json:"base"`
		Rates map[string]decimal.Decimal `json:"rates"`
	}
	if err := json.Unmarshal(content, &file); err != nil {
		return nil, fmt.Errorf("read the rates of currencies: %w", err)
	}
	if len(file.Base) != 3 || len(file.Rates) == 0 {
		const want = `{"base": "USD", "rates": {"EUR": 0.9}}`
		return nil, fmt.Errorf("read the rates of currencies: base %.10q and %d rates (want %s)",
			file.Base, len(file.Rates), want)
	}
	rates := Rates{file.Base: decimal.NewFromInt(1)}
	for code, rate := range file.Rates {
		if len(code) != 3 || !rate.IsPositive() {
			const format = "read the rates of currencies: rate %s of %.10q (want a positive rate of a code of 3 letters)"
			return nil, fmt.Errorf(format, rate, code)
		}
		if code != file.Base {
			rates[code] = rate
		}
	}
	return rates, nil
}

// rateDigits is the precision of a rate between two currencies other than the base.
const rateDigits = 18

// Convert converts an amount. It is false if a currency has no rate.
func (r Rates) Convert(amount decimal.Decimal, from, to string) (decimal.Decimal, bool) {
	if from == to {
		return amount, true
	}
	source, ok := r[from]
	target, known := r[to]
	if !ok || !known {
		return decimal.Decimal{}, false
	}
	return amount.Mul(target).DivRound(source, rateDigits), true
}
