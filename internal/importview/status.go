package importview

import (
	"fmt"
	"slices"
	"strings"

	importstore "github.com/sluicehq/sluice/store/importing"
)

// familiar maps the status names of the seeds to statuses.
var familiar = map[string]string{
	"importing": importstore.StatusRunning, "accepted": importstore.StatusCompleted, "pending": importstore.StatusInReview,
}

// ParseStatuses returns the statuses of a filter. Each text may list several, separated by commas.
func ParseStatuses(texts []string) ([]string, error) {
	var all []string
	for _, text := range texts {
		for name := range strings.SplitSeq(text, ",") {
			if known, ok := familiar[name]; ok {
				name = known
			}
			if !slices.Contains(importstore.Statuses(), name) {
				return nil, fmt.Errorf("%s: want one of %s", name, strings.Join(importstore.Statuses(), ", "))
			}
			all = append(all, name)
		}
	}
	return all, nil
}
