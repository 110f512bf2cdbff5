package ingesting

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/starter/internal/call"
)

// ParseShields reads rules. The error reports every fault, and is starter.ErrInvalid.
func ParseShields(s Shields) (ingest.Shields, error) {
	var rules ingest.Shields
	var faults [4]error
	rules.IPs, faults[0] = ParseNetworks(s.IPs)
	rules.Countries, faults[1] = parseEach(s.Countries, ingest.ParseCountry)
	rules.Pages, faults[2] = parseEach(s.Pages, ingest.ParsePage)
	rules.Hostnames, faults[3] = parseEach(s.Hostnames, ingest.ParseHostname)
	return rules, errors.Join(faults[:]...)
}

// ParseNetworks reads addresses and networks. The error reports every fault, and is starter.ErrInvalid.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	return parseEach(texts, ingest.ParseNetwork)
}

func parseEach[T any](texts []string, parse func(string) (T, error)) ([]T, error) {
	var values []T
	var faults []error
	for i, text := range texts {
		value, err := parse(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("entry %d: %w", i+1, err))
		}
		values = append(values, value)
	}
	return values, call.Mark(errors.Join(faults...), call.ErrInvalid)
}
