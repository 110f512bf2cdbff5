package cli

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/enginetest"
)

// outages are outages of the servers that a shell uses.
type outages struct {
	shell
	store     *enginetest.StoreOutage
	warehouse *enginetest.WarehouseOutage
	temporal  *enginetest.TemporalOutage
	// reports is set for commands that print what they have done before a later request fails.
	reports bool
	// once is set for commands that may have created or deleted something before a later request fails: repeated,
	// they are refused.
	once bool
}

// throughOutages returns a shell whose servers have outages, none of which has begun.
func (s shell) throughOutages(t *testing.T) outages {
	t.Helper()
	o := outages{
		shell:     s,
		store:     enginetest.NewStoreOutage(t, s.setting(t, "SLUICE_STORE_DSN")),
		warehouse: enginetest.NewWarehouseOutage(t, s.setting(t, "SLUICE_WAREHOUSE_DSN")),
		temporal:  enginetest.NewTemporalOutage(t, client.Options{HostPort: s.setting(t, "TEMPORAL_ADDRESS")}),
	}
	o.environ = append(append([]string{}, s.environ...), "SLUICE_STORE_DSN="+o.store.DSN,
		"SLUICE_WAREHOUSE_DSN="+o.warehouse.DSN, "TEMPORAL_ADDRESS="+o.temporal.Options.HostPort)
	return o
}

// meet runs a command while a server fails from the command's first request on, then from its second
// on, and so on, until the command makes no request that fails. It must succeed then. Before, it must
// fail with one of the exit codes, say what the failure means, and print no part of a result.
func (o outages) meet(t *testing.T, outage *enginetest.Outage, codes []int, meaning, line string) {
	t.Helper()
	for n := range outage.Requests(t) {
		r := o.run(t, strings.Fields(line)...)
		at := fmt.Sprintf("%s, outage at request %d: %s%s", line, n, r.out, r.err)
		if !outage.Met() {
			require.Contains(t, o.ends(), r.code, at)
			return
		}
		require.Contains(t, codes, r.code, at)
		require.True(t, strings.HasPrefix(r.err, "sluice: "), at)
		require.Contains(t, r.err, meaning, at)
		if !o.reports {
			require.Empty(t, r.out, at)
		}
		require.NotContains(t, r.out, " 0 jobs", "an error before anything was done is no result: "+at)
	}
}

// ends are the exit codes of a command that meets no outage.
func (o outages) ends() []int {
	if o.once {
		return []int{exitDone, exitRefused}
	}
	return []int{exitDone}
}

func (o outages) meetStore(t *testing.T, lines ...string) {
	t.Helper()
	const meaning = "PostgreSQL is starting or stopping, or closed the connection: retry in a moment."
	for _, line := range lines {
		o.meet(t, &o.store.Outage, []int{exitUnavailable}, meaning, line)
	}
}

func (o outages) meetTemporal(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		o.meet(t, &o.temporal.Outage, []int{exitFailure, exitUnavailable}, "Temporal denies access: ", line)
	}
}

func (o outages) meetWarehouse(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		o.meet(t, &o.warehouse.Outage, []int{exitFailure, exitUnavailable}, "Memory limit (total) exceeded", line)
	}
}

// fullDisk is a file on a disk that is full after some writes.
type fullDisk struct {
	left int
	full bool
}

// Write fails when the disk is full.
func (d *fullDisk) Write(p []byte) (int, error) {
	if d.left == 0 {
		d.full = true
		return 0, &os.PathError{Op: "write", Path: "/dev/stdout", Err: syscall.ENOSPC}
	}
	d.left--
	return len(p), nil
}

// meetFullDisk runs commands whose output goes to a disk that is full from the first write on, then from
// the second on, and so on. Incomplete output is never a success.
func (s shell) meetFullDisk(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		for n := 0; ; n++ {
			var stderr bytes.Buffer
			disk := &fullDisk{left: n}
			code := Run(enginetest.Context(t), strings.Fields(line), Streams{
				In: strings.NewReader(s.stdin), Out: disk, Err: &stderr, Environ: s.environ, Components: s.components,
			})
			if !disk.full {
				require.Zerof(t, code, "%s: %s", line, stderr.String())
				break
			}
			require.Equalf(t, exitFailure, code, "%s, full at write %d: %s", line, n, stderr.String())
			require.Containsf(t, stderr.String(), "no space left on device", "%s, full at write %d", line, n)
		}
	}
}
