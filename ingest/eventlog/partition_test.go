package eventlog_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every hash has a partition, always the same one.
func TestPartition(t *testing.T) {
	t.Parallel()
	l := open(bounded(t), t, config(start(t, t.TempDir())))
	for hash, want := range map[uint64]int{0: 0, 1: 1, 2: 0, math.MaxUint64: 1} {
		require.Equal(t, want, l.Partition(hash))
	}
}
