// Package planted breaks the rules of tools/words.txt.
package planted

// lestFour is "lest" in a comment.
func lestFour(gone_on_with string) string { return gone_on_with }

const message = "it looks out for the lease"

// celestial and lestrange are words of their own.
const celestial, lestrange = 1, 2
