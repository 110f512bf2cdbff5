package csv

import "fmt"

// didYouMean returns ` (did you mean "x"?)` for the valid name that is closest to a wrong one, or
// "" if none is close.
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

// editDistance is the number of letters to add, remove or change to turn a into b, at most limit.
// Long names are not compared.
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

// maxSuggest is the length limit of names that get a suggestion.
const maxSuggest = 64

func abs(n int) int { return max(n, -n) }
