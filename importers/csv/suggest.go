package csv

import "fmt"

// didYouMean returns ` (did you mean "x"?)` for the valid name that is nearest
// to a wrong one, or nothing if none is near.
func didYouMean(wrong string, valid []string) string {
	best, distance := "", len(wrong)/3+2
	for _, v := range valid {
		if d := editDistance(wrong, v, distance); d < distance {
			best, distance = v, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// editDistance is the number of letters to add, drop or change to get from a to
// b, or limit if it is not below. Long names are not worth the work.
func editDistance(a, b string, limit int) int {
	if abs(len(a)-len(b)) >= limit || len(a) > maxSuggest {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next := min(row[j]+1, row[j+1]+1, diagonal+cost)
			diagonal, row[j+1] = row[j+1], next
		}
	}
	return min(row[len(b)], limit)
}

// maxSuggest is the longest name that gets a suggestion.
const maxSuggest = 64

func abs(n int) int { return max(n, -n) }
