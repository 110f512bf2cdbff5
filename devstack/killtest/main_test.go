package killtest_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/devstack/sluice"
)

// The test binary is also sluice-dev: the stack runs it for each engine and for the
// worker, so that what is killed is the code under test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		err := app.New(sluice.Hooks()).RunContext(context.Background(), os.Args)
		os.Exit(app.ExitCode(err, os.Stderr))
	}
	os.Exit(m.Run())
}
