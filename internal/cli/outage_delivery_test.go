package cli

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// A faulty flow keeps its events; an outage during their replay loses none.
func TestStoreOutageOfReplay(t *testing.T) {
	t.Parallel()
	_, s := systemWithoutWorker(t)
	s.ok(t, "apply", "-f", fileOf(t, "flows.yaml", shopFlows))
	s.ok(t, "event", "send", "--source", "shop", "--name", "order.paid", "--data", `{"id":9,"total":"a lot"}`)
	fixed := fileOf(t, "fixed.yaml", strings.NewReplacer("data.total > 1000", `data.total != "a lot" && data.total > 1000`,
		"data.total > 10", `data.total == "a lot" || data.total > 1`).Replace(shopFlows))
	o := s.throughOutages(t)
	o.reports = true
	o.meetStore(t, "apply -f "+fixed)
	var flows []deliveryclient.Flow
	s.json(t, &flows, "flow", "list")
	require.Zero(t, flows[0].KeptEvents)
	var jobs []deliveryclient.JobDetails
	s.json(t, &jobs, "job", "list", "--destination", "log")
	require.Len(t, jobs, 1, "the event became one job, however often the replay was interrupted")
}

// Output of lists and of single things that does not fit on a disk is no success.
func TestFullDiskOfJobs(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	b.recordOutcome(t, "webhook", "post", deliverystore.JobFailed, "it answered 503")
	b.ok(t, "job", "edit", b.log, "--data", `{"text":"y"}`)
	flows := fileOf(t, "flows.yaml", shopFlows)
	b.meetFullDisk(t, "diff -f "+flows, "apply -f "+flows, "apply -f "+flows+" -o json", "flow list", "flow show paid-orders",
		"job list", "job list --limit 1", "job list --count", "job show "+b.log, "job stats", "job stats --hourly", "event list",
		"event list --limit 1", "event show "+b.events[0], "destination list", "destination show webhook",
		"event purge --older-than 1h --dry-run", "job replay "+b.hook)
}

// Every command about events, jobs and flows survives an outage of the store at each of its statements.
func TestStoreOutageOfJobs(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	flows := fileOf(t, "flows.yaml", shopFlows)
	b.ok(t, "apply", "-f", flows)
	o := b.throughOutages(t)
	o.meetStore(t,
		"event list", "event list --count", "event show "+b.events[0], "event purge --older-than 1h --dry-run",
		"event purge --older-than 1h",
		"event send --source shop --to log/write --data {\"text\":\"x\"} --idempotency-key k",
		"job list", "job list --count", "job show "+b.log, "job stats", "job stats --hourly", "job hold "+b.log,
		"job retry --destination log --dry-run", "job edit "+b.log+" --data {\"text\":\"y\"}",
		"flow list", "flow show paid-orders", "diff -f "+flows, "diff -f "+flows+" -o json",
	)
	// These say what they have done before a later request fails.
	o.reports = true
	o.meetStore(t, "job replay "+b.hook, "flow replay paid-orders", "flow replay paid-orders -o json")
	o.once = true
	o.meetStore(t, "job release "+b.log, "job cancel "+b.hook)
	require.Equal(t, deliverystore.JobAwaiting, b.state(t, b.log))
	require.Equal(t, deliverystore.JobCancelled, b.state(t, b.hook))
}

// Commands to destinations go through their workflows.
func TestOutagesOfDestinations(t *testing.T) {
	t.Parallel()
	_, s := delivering(t)
	o := s.throughOutages(t)
	lines := []string{
		"destination pause log write", "destination resume log write", "destination trigger log write",
		"destination set-schedule log write --interval @hourly", "destination pause log", "destination resume log",
	}
	o.meetStore(t, lines...)
	o.meetTemporal(t, lines...)
	// A list is worth reading without the state of the workflows, which is then unknown.
	for range o.temporal.Requests(t) {
		shown := o.ok(t, "destination", "show", "log")
		if o.temporal.Met() {
			require.Contains(t, shown, "Request unauthorized.")
		}
	}
	require.NotContains(t, o.ok(t, "destination", "show", "log"), "unauthorized")
}
