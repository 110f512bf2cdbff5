// Package wildcard matches texts with patterns in which "*" stands for any text.
package wildcard

// Match reports whether the whole text matches the pattern. "**" is the same as "*". It
// takes at most len(pattern) * len(text) steps.
func Match(pattern, text string) bool {
	p, t := 0, 0
	star, resume := -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, resume = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p++
			t++
		case star >= 0:
			// The last star takes one byte more.
			resume++
			p, t = star+1, resume
		default:
			return false
		}
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}
