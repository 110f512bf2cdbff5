package column

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
)

var uuid = regexp.MustCompile(`^([0-9a-fA-F]{32}|[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})$`)

// checkText checks types whose values are texts of a form.
func (t Type) checkText(value []byte) error {
	s, isText := text(value)
	switch t.name {
	case "UUID":
		if !isText || !uuid.MatchString(s) {
			return errors.New("want a UUID of 32 hexadecimal digits, with or without dashes")
		}
	case "IPv4":
		if a, err := netip.ParseAddr(s); !isText || err != nil || !a.Is4() {
			return errors.New("want an IPv4 address")
		}
	case "IPv6":
		if a, err := netip.ParseAddr(s); !isText || err != nil || a.Zone() != "" {
			return errors.New("want an IPv6 address without a zone")
		}
	case "FixedString":
		if !isText || len(s) > t.numbers[0] {
			return fmt.Errorf("want a text of at most %d bytes (FixedString)", t.numbers[0])
		}
	default:
		return t.checkEnum(value, s, isText)
	}
	return nil
}

// checkEnum wants the name or the number of a value.
func (t Type) checkEnum(value []byte, s string, isText bool) error {
	if _, known := t.values[s]; isText && known {
		return nil
	}
	if !isText {
		s = string(value)
	}
	n, err := strconv.ParseInt(s, 10, 16)
	if err == nil {
		for _, known := range t.values {
			if n == known {
				return nil
			}
		}
	}
	return fmt.Errorf("want one of the %d values of the %s", len(t.values), t.name)
}
