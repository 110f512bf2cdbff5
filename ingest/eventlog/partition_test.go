package eventlog_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
)

const keyText = "000102030405060708090a0b0c0d0e0f"

func TestParseKey(t *testing.T) {
	t.Parallel()
	key, err := eventlog.ParseKey(keyText)
	require.NoError(t, err)
	require.Equal(t, eventlog.Key{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, key)
	for _, bad := range []string{"", "abc", keyText + "00", strings.Repeat("zz", 16), keyText[:31]} {
		_, err := eventlog.ParseKey(bad)
		require.EqualError(t, err, fmt.Sprintf("partition key of %d characters: want 32 hexadecimal digits", len(bad)))
	}
	_, err = eventlog.ParseKey(strings.Repeat("0", 32))
	require.EqualError(t, err, "partition key is zero: want 32 random hexadecimal digits")
}

// Every hash has a partition, always the same one.
func TestPartition(t *testing.T) {
	t.Parallel()
	l := open(bounded(t), t, config(start(t, t.TempDir())))
	for hash, want := range map[uint64]int{0: 0, 1: 1, 2: 0, math.MaxUint64: 1} {
		require.Equal(t, want, l.Partition(hash))
	}
}
