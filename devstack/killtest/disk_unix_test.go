//go:build unix && !linux

package killtest_test

import "testing"

// mountSmall says that file systems cannot be mounted here.
func mountSmall(t *testing.T, _ string, _ int) (grow func(mebibytes int), ok bool) {
	t.Helper()
	return nil, false
}
