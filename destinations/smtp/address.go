package smtp

import (
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// Limits of an address, in bytes (RFC 5321, section 4.5.3.1).
const (
	maxLocal   = 64
	maxAddress = 254
)

// Errors of Address.
var (
	errNoAddress = errors.New("want one e-mail address")
	errLocal     = errors.New("the part before the @ has characters beyond ASCII, which most mail servers refuse")
)

// Address returns the bare address of a recipient or a sender in the form that every mail
// server takes: a domain with characters beyond ASCII is in punycode (RFC 5891), because a
// server need not offer SMTPUTF8. A name beside the address is left out. Errors do not quote
// the address. Whatever is accepted here is accepted when a mail is sent.
func Address(target string) (string, error) {
	parsed, err := mail.ParseAddress(target)
	if err != nil {
		return "", errNoAddress
	}
	at := strings.LastIndexByte(parsed.Address, '@')
	local, domain := parsed.Address[:at], parsed.Address[at+1:]
	switch {
	case strings.ContainsFunc(parsed.Address, unfit) || strings.ContainsAny(parsed.Address, ` <>"\`):
		return "", errNoAddress
	case !isASCII(local):
		return "", errLocal
	}
	if !isASCII(domain) {
		if domain, err = idna.Lookup.ToASCII(domain); err != nil {
			return "", errors.New("the domain is not a valid internationalized name")
		}
	}
	address := local + "@" + domain
	if len(local) > maxLocal || len(address) > maxAddress {
		return "", fmt.Errorf("want at most %d bytes before the @ and %d in all", maxLocal, maxAddress)
	}
	// The library parses the address once more.
	if again, err := mail.ParseAddress(address); err != nil || again.Address != address {
		return "", errNoAddress
	}
	return address, nil
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

// Subject returns a subject as it is sent: one line, without control characters.
func Subject(text string) string { return Line(text, len(text)+1) }
