package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// importsOfEachKind returns a system with import 1 completed, 2 in review, 3 parked, 4 loading and 5
// failed, each of a site of its own, and the schedule nightly.
func importsOfEachKind(t *testing.T) (*enginetest.System, shell) {
	t.Helper()
	system, s := start(t)
	s.environ = append(s.environ, oneRowChunks)
	for _, site := range []string{"done.com", "review.com", "parked.com", "loading.com", "failed.com", "empty.com"} {
		s.ok(t, "site", "add", site)
	}
	begin := func(site, args string, more ...string) {
		s.ok(t, append([]string{"import", "start", "noop", "--site", site, "--args", args, "--check-timeout", "0"}, more...)...)
	}
	begin("done.com", `{"rows":4,"bad_rows":2}`)
	system.Wait(t, 1)
	begin("review.com", `{"rows":3}`, "--review")
	system.WaitFor(t, 2, "review", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusInReview })
	begin("parked.com", `{"rows":3,"parts":3,"fail":"import_data","fail_times":30}`)
	system.WaitParked(t, 3)
	begin("loading.com", slow)
	system.WaitLoading(t, 4)
	begin("failed.com", `{"rows":3,"fail":"plan","permanent":true}`)
	system.Wait(t, 5)
	s.ok(t, "schedule", "create", "nightly", "noop", "--site", "empty.com", "--args", `{"rows":1}`, "--cron", "0 3 1 1 *", "--paused")
	return system, s
}

// Every command about imports survives an outage of the store at each of its statements: it says so, and
// succeeds when the store is back.
func TestStoreOutageOfImports(t *testing.T) {
	t.Parallel()
	_, s := importsOfEachKind(t)
	o := s.throughOutages(t)
	o.meetStore(t,
		"site list", "site add new.com", "import list", "import list -o json", "import show 1", "import show 2", "import show 4",
		"import parts 1", "import rejects 1", "import preview 2", "review list", "locks list", "source list",
		"schedule list", "schedule show nightly", "schedule resume nightly", "schedule pause nightly --output json",
		"schedule trigger nightly", "schedule backfill nightly --from 2024-01-01 --to 2024-01-02 --dry-run",
		"import pause 4", "import set-rate 4 5", "import resume 4", "import retry-part 3 0",
		"import skip-part 3 1 --reason x", "review accept 2", "import cancel 4",
		"import start noop --site empty.com --args {\"rows\":1} --idempotency-key k --check-timeout 0",
		"import start noop --site empty.com --args {\"rows\":1,\"start_date\":\"2019-01-01\",\"end_date\":\"2019-01-02\"} --dry-run",
	)
	o.once = true
	o.meetStore(t, "import delete 5 --no-wait", "schedule create weekly noop --site empty.com --every 168h --paused")
	o.once = false
	o.meetStore(t, "site forget-imports failed.com", "schedule delete weekly")
	// A log is printed as it is read.
	o.reports = true
	o.meetStore(t, "import logs 1", "import logs 1 -o csv")
}

// A command that Temporal refuses says what to correct, and what it has done before.
func TestTemporalOutageOfImports(t *testing.T) {
	t.Parallel()
	_, s := importsOfEachKind(t)
	o := s.throughOutages(t)
	o.meetTemporal(t,
		"import pause 4", "import set-rate 4 5", "import resume 4", "import retry-part 3 0",
		"import skip-part 3 1 --reason x", "review accept 2",
		"schedule list", "schedule show nightly", "schedule resume nightly", "schedule pause nightly",
		"schedule trigger nightly", "import delete 5",
		"import start noop --site empty.com --args {\"rows\":1} --idempotency-key k",
		"import start noop --site empty.com --args {\"rows\":1,\"start_date\":\"2019-01-01\",\"end_date\":\"2019-01-02\"} --dry-run",
		"import cancel 4",
	)
	o.once = true
	o.meetTemporal(t, "schedule create weekly noop --site empty.com --every 168h --paused")
	o.once, o.reports = false, true
	o.meetTemporal(t, "schedule delete weekly")
	o.meetTemporal(t, "schedule backfill nightly --from 2024-01-01 --to 2024-01-02")
}

// Rows are read from the warehouse, whose errors are shown as they are.
func TestWarehouseOutageOfImports(t *testing.T) {
	t.Parallel()
	_, s := importsOfEachKind(t)
	o := s.throughOutages(t)
	o.meetWarehouse(t, "import rejects 1", "import preview 2", "import preview 2 -o json", "site show done.com")
}

// Output that does not fit on a disk is no success.
func TestFullDiskOfImports(t *testing.T) {
	t.Parallel()
	_, s := importsOfEachKind(t)
	s.meetFullDisk(t,
		"version", "help", "import --help", "site list", "import list", "import show 1", "import show 2", "import show 3",
		"import show 4", "import show 5", "import parts 1", "import rejects 1", "import rejects 1 --limit 1", "import preview 2",
		"import logs 1", "import logs 1 -o json", "import logs 1 -o csv", "review list", "locks list", "source list",
		"schedule list", "schedule show nightly", "migrate status", "migrate up", "connection list", "flow list",
		"site show done.com", "schedule backfill nightly --from 2024-01-01 --to 2024-01-02 --dry-run",
	)
	r := s.run(t, "import", "start", "noop", "--site", "empty.com", "--args", `{"rows":1}`, "--dry-run")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "nothing is written")
	s.meetFullDisk(t, "import start noop --site empty.com --args {\"rows\":2} --dry-run")
	require.NotContains(t, s.ok(t, "import", "list"), "empty.com", "a dry run starts no import")
}
