package enginetest

import (
	"testing"

	"github.com/sluicehq/sluice/internal/listentest"
)

// FreeAddress returns an address of this machine that nothing listens on.
func FreeAddress(tb testing.TB) string {
	tb.Helper()
	return listentest.FreeAddress(tb)
}
