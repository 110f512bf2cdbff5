package request

import (
	"strings"
	"unicode/utf8"
)

// address is a URL split as RFC 3986, appendix B, says. Browsers send what the standard
// library refuses, such as a lone "%" in a path.
type address struct {
	scheme, host, path, query, fragment string
}

// splitAddress splits a URL. It is false if the URL has control characters or an impossible
// authority.
func splitAddress(raw string) (address, bool) {
	var a address
	for i := range len(raw) {
		if raw[i] < 0x20 || raw[i] == 0x7f {
			return a, false
		}
	}
	rest := raw
	rest, a.fragment, _ = strings.Cut(rest, "#")
	rest, a.query, _ = strings.Cut(rest, "?")
	if scheme, after, ok := strings.Cut(rest, ":"); ok && isScheme(scheme) {
		a.scheme, rest = strings.ToLower(scheme), after
	}
	if authority, ok := strings.CutPrefix(rest, "//"); ok {
		slash := strings.IndexByte(authority, '/')
		if slash < 0 {
			slash = len(authority)
		}
		authority, rest = authority[:slash], authority[slash:]
		if a.host, ok = hostOf(authority); !ok {
			return a, false
		}
	}
	a.path = rest
	return a, true
}

func isScheme(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		later := c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'
		if !letter && (i == 0 || !later) {
			return false
		}
	}
	return text != ""
}

// hostOf returns the host of an authority in lower case, without user, port and brackets.
func hostOf(authority string) (string, bool) {
	host := authority[strings.LastIndexByte(authority, '@')+1:]
	port := ""
	if inner, ok := strings.CutPrefix(host, "["); ok {
		host, port, ok = strings.Cut(inner, "]")
		if !ok {
			return "", false
		}
	} else if colon := strings.LastIndexByte(host, ':'); colon >= 0 {
		host, port = host[:colon], host[colon:]
		if strings.Contains(host, ":") {
			return "", false
		}
	}
	if port != "" && (port[0] != ':' || strings.Trim(port[1:], "0123456789") != "") {
		return "", false
	}
	if strings.ContainsAny(host, " <>\"\\^`{|}") || !utf8.ValidString(host) {
		return "", false
	}
	return strings.ToLower(host), true
}

// decode replaces %XX. What is no such code stays as it is, and a text that would not be
// UTF-8 stays encoded.
func decode(text string, plus bool) string {
	if !strings.Contains(text, "%") && (!plus || !strings.Contains(text, "+")) {
		return text
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '%' && i+2 < len(text) && hex(text[i+1]) >= 0 && hex(text[i+2]) >= 0:
			b = append(b, byte(hex(text[i+1])<<4|hex(text[i+2])))
			i += 2
		case text[i] == '+' && plus:
			b = append(b, ' ')
		default:
			b = append(b, text[i])
		}
	}
	if !utf8.Valid(b) {
		return text
	}
	return string(b)
}

func hex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	default:
		return -1
	}
}

// parseQuery returns the first MaxQuery parameters.
func parseQuery(raw string) Query {
	if raw == "" {
		return nil
	}
	var q Query
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		key, value, _ := strings.Cut(part, "=")
		q = append(q, Prop{Key: decode(key, true), Value: decode(value, true)})
		if len(q) == MaxQuery {
			break
		}
	}
	return q
}

// TrimWWW removes a leading "www.".
func TrimWWW(host string) string {
	return strings.TrimPrefix(host, "www.")
}

// Origin is the part of a referrer that sources are derived from.
type Origin struct {
	// Scheme is in lower case.
	Scheme string
	// Host is in lower case, with "www.".
	Host string
	// Path is as sent.
	Path string
}

// ParseReferrer splits a referrer. It is false for one that is no address with a host.
func ParseReferrer(referrer string) (Origin, bool) {
	a, ok := splitAddress(strings.TrimSpace(referrer))
	if !ok || a.host == "" {
		return Origin{}, false
	}
	return Origin{Scheme: a.scheme, Host: a.host, Path: a.path}, true
}
