package bots

import (
	"strings"
	"unicode/utf8"
)

// byHand are isbot's patterns without a text that rules them out, each as it is written there: they are tried on
// every user agent, and as code they cost less than a tenth of the expression.
var byHand = map[string]func(agent string) bool{
	`^[<\(;]`: func(agent string) bool { return strings.IndexByte("<(;", agent[0]) >= 0 },
	`^[^ ]{50,}$`: func(agent string) bool {
		return strings.IndexByte(agent, ' ') < 0 && utf8.RuneCountInString(agent) >= 50
	},
	`^\d+\b`: func(agent string) bool {
		end := digits(agent, 0)
		return end > 0 && (end == len(agent) || !isWord(agent[end]))
	},
	`^[\w \.\-\(?:\):%]+(?:/v?\d+(?:\.\d+)?(?:\.\d{1,10})*?)?(?:,|$)`: isProduct,
}

// isProduct reports whether an agent, or what is before its first comma, is a name with an optional version.
func isProduct(agent string) bool {
	at := 0
	for at < len(agent) && (isWord(agent[at]) || strings.IndexByte(" .-(?:)%", agent[at]) >= 0) {
		at++
	}
	if at == 0 {
		return false
	}
	if at < len(agent) && agent[at] == '/' {
		at++
		if at < len(agent) && agent[at] == 'v' {
			at++
		}
		end := digits(agent, at)
		if end == at {
			return false
		}
		for groups := 0; end < len(agent) && agent[end] == '.'; groups++ {
			at = end + 1
			end = digits(agent, at)
			// The first group may be longer than ten digits.
			if n := end - at; n == 0 || groups > 0 && n > 10 {
				return false
			}
		}
		at = end
	}
	return at == len(agent) || agent[at] == ','
}

// digits returns the end of the digits that begin at a place.
func digits(text string, at int) int {
	for at < len(text) && text[at] >= '0' && text[at] <= '9' {
		at++
	}
	return at
}

// isWord reports whether a byte of a text in lower case belongs to a word.
func isWord(c byte) bool { return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' }
