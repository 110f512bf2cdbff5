package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sluicehq/sluice/internal/outbound"
)

// defaultAddresses returns the default rules of all kinds of connections. A user supplies the URL
// of a webhook or an endpoint; databases and mail servers are usually in a private network. Kinds
// that a program adds get the stricter rule.
func (c Connections) defaultAddresses() map[string]string {
	texts := make(map[string]string, len(c.Kinds))
	for _, kind := range c.Kinds {
		texts[kind] = outbound.TermPublic
	}
	maps.Copy(texts, map[string]string{
		"clickhouse": outbound.TermAny, "google_analytics_4": outbound.TermPublic,
		"mailchimp": outbound.TermPublic, "ometria": outbound.TermPublic, "postgres": outbound.TermAny,
		"smtp": outbound.TermAny, "upload": outbound.TermPublic, "webhook": outbound.TermPublic,
	})
	return texts
}

// rules returns the rule of each kind.
func (c Connections) rules() (map[string]outbound.Rule, error) {
	texts := c.defaultAddresses()
	var faults []error
	seen := map[string]bool{}
	for _, entry := range listed(c.Addresses) {
		kind, rule, _ := strings.Cut(entry, "=")
		kind = strings.TrimSpace(kind)
		switch _, known := texts[kind]; {
		case !known:
			// Quote the text only if it looks like a kind.
			faults = append(faults, fmt.Errorf("connections.addresses: no kind %s: want KIND=ADDRESSES, where KIND is one of %s",
				harmless(kind), strings.Join(slices.Sorted(maps.Keys(texts)), ", ")))
		case seen[kind]:
			faults = append(faults, fmt.Errorf("connections.addresses: kind %s is given twice", kind))
		default:
			seen[kind], texts[kind] = true, rule
		}
	}
	rules := make(map[string]outbound.Rule, len(texts))
	for _, kind := range slices.Sorted(maps.Keys(texts)) {
		rule, err := outbound.ParseRule(texts[kind])
		if err != nil {
			faults = append(faults, fmt.Errorf("connections.addresses: kind %s: %w", kind, err))
		}
		rules[kind] = rule
	}
	return rules, errors.Join(faults...)
}

// cleartext returns the rule of Cleartext.
func (c Connections) cleartext() (outbound.Rule, error) {
	if c.Cleartext == "" {
		return outbound.Rule{}, nil
	}
	rule, err := outbound.ParseRule(c.Cleartext)
	if err != nil {
		return outbound.Rule{}, fmt.Errorf("connections.cleartext: %w", err)
	}
	return rule, nil
}

// Guard returns the guard for the addresses that connections of a kind may dial. For a kind that
// is not in Kinds, and with settings that Validate refuses, it allows none.
func (c Connections) Guard(kind string) outbound.Guard {
	rules, err := c.rules()
	cleartext, cerr := c.cleartext()
	if err != nil || cerr != nil {
		return outbound.NewGuard(kind, outbound.Rule{}, outbound.Rule{})
	}
	return outbound.NewGuard(kind, rules[kind], cleartext)
}

func (c Connections) validate(check func(ok bool, format string, args ...any)) {
	check(c.Keyset == "" || c.KeysetFile == "", "connections.keyset and connections.keyset_file are both set: use one")
	if _, err := c.rules(); err != nil {
		check(false, "%w", err)
	}
	if _, err := c.cleartext(); err != nil {
		check(false, "%w", err)
	}
}
