package faults_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/faults"
)

func TestNoFault(t *testing.T) {
	t.Parallel()
	var f faults.Faults
	f.Check(true, "the port is %d: want 1 to 65535", 80)
	f.Add(nil, nil)
	require.NoError(t, f.Err())
}

func TestAllFaultsInTheirOrder(t *testing.T) {
	t.Parallel()
	first, last := errors.New("no name"), errors.New("no logger")
	var f faults.Faults
	f.Add(nil, first)
	f.Check(false, "the port is %d: want 1 to 65535", 0)
	f.Check(false, "read: %w", last)
	err := f.Err()
	require.EqualError(t, err, "no name\nthe port is 0: want 1 to 65535\nread: no logger")
	require.ErrorIs(t, err, first)
	require.ErrorIs(t, err, last)
}
