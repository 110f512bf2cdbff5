package killtest_test

import (
	"context"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/devstack/app"
	"github.com/sluicehq/sluice/devstack/sluice"
	"github.com/sluicehq/sluice/devstack/stack"
)

// The test binary is also sluice-dev: the stack runs it for each engine and for the
// worker, so that what is killed is the code under test.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		hooks := sluice.Hooks()
		switch {
		case os.Getenv(envSyscalls) != "" && os.Args[1] == string(stack.ComponentEventLog):
			os.Exit(traceSyscalls(os.Getenv(envSyscalls)))
		case os.Getenv(envTraces) != "":
			hooks.Worker = runTracingWorker
		case os.Getenv(envBrisk) != "":
			hooks.Worker = runBriskWorker
		case os.Getenv(envProgram) != "":
			hooks.Worker = runProgram
		}
		err := app.New(hooks).RunContext(context.Background(), os.Args)
		os.Exit(app.ExitCode(err, os.Stderr))
	}
	flag.Parse()
	if err := flag.Set("test.parallel", strconv.Itoa(stacks)); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// stacks is how many tests run at once: they mostly wait, for heartbeats to be missed
// and for pauses between attempts.
const stacks = 4
