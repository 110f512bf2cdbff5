package syncbench

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReport(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	result := Result{
		Bench: "sync",
		Rate:  &Load{Members: 46_134, Seconds: 63.525, Dictated: 57.75, Ratio: 1.1, PerSecond: 726},
		Many:  &Many{Accounts: 20, Lists: 1000, Mean: 40, Slowest: 64, Ratio: 1.6, Breaches: 2},
	}
	require.NoError(t, report(&out, result))
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	require.Contains(t, out.String(), "63.5 s, the rate dictates 57.8 s: 1.10")
	require.Regexp(t, `at most 1\.15 +ok`, out.String())
	require.Regexp(t, `at most 1\.50 +missed`, out.String())
	require.EqualError(t, result.missed(), "1,000 lists, 20 accounts, requests above a budget: 2: want 0\n"+
		"1,000 lists, 20 accounts, slowest account: 64.0 s, the mean is 40.0 s: 1.60: want at most 1.50")
	require.NotContains(t, out.String(), "no limit")
	var again Result
	require.NoError(t, json.Unmarshal(lines[len(lines)-1], &again))
	require.Nil(t, again.Lifted)
	require.Equal(t, 1000, again.Many.Lists)
}

func TestDictated(t *testing.T) {
	t.Parallel()
	require.InDelta(t, 57.75, dictated(46_134), 0.001)
	require.InDelta(t, 0.125, dictated(1), 0.001)
}

func TestValidate(t *testing.T) {
	t.Parallel()
	valid := Config{Members: 1, Larger: 1, Runs: 1, Accounts: 1, Lists: 1, ListMembers: 1}
	require.NoError(t, valid.Validate())
	err := Config{Only: "some"}.Validate()
	require.ErrorContains(t, err, "-members is 0: want 1 or more")
	require.ErrorContains(t, err, `-only is "some": want rate, lifted, memory or many`)
}
