package native

import "strings"

// splitArgs splits a type's arguments at the commas between them.
func splitArgs(args string) []string {
	if strings.TrimSpace(args) == "" {
		return nil
	}
	var all []string
	start := 0
	scanType(args, func(i int) bool {
		if args[i] == ',' {
			all = append(all, args[start:i])
			start = i + 1
		}
		return true
	})
	return append(all, args[start:])
}

// elementType takes the name off an element of a tuple, "name Type". Types
// have no blanks but those between brackets.
func elementType(arg string) string {
	arg = strings.TrimSpace(arg)
	blank := -1
	scanType(arg, func(i int) bool {
		if arg[i] == ' ' {
			blank = i
		}
		return blank < 0
	})
	return arg[blank+1:]
}

// scanType calls visit with each position of text that is neither between
// brackets nor between quotes, until it returns false.
func scanType(text string, visit func(i int) bool) {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\'' || c == '`' || c == '"':
			i = closingQuote(text, i)
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0 && !visit(i):
			return
		}
	}
}

// closingQuote returns the position of the quote that ends the one at start,
// or that of the last byte if there is none.
func closingQuote(text string, start int) int {
	for i := start + 1; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case text[start]:
			return i
		}
	}
	return len(text) - 1
}
