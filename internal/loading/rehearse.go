package loading

import (
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/importers"
)

// Check returns the error that loading ends with if a part has too many rejects: seen are
// some of them.
func (l RejectLimit) Check(label string, p Progress, seen []importers.Reject) error {
	return l.check(label, p, seen)
}

// About names the part that an importer's error is about, unless it does so itself.
func About(label, operation string, err error) error {
	if strings.HasPrefix(err.Error(), label) {
		return err
	}
	return fmt.Errorf("%s %s: %w", operation, label, err)
}
