package app

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/migration"
)

func TestAdviseOnData(t *testing.T) {
	t.Parallel()
	database := migration.Database{Name: "store", Place: `database "sluice" at 127.0.0.1:5432`}
	older := &migration.UnsupportedError{Database: database, Version: 41, Newest: 100}
	err := adviseOnData(fmt.Errorf("prepare for the worker: %w", errors.Join(older)), "/data/it's mine")
	require.ErrorIs(t, err, older)
	require.EqualError(t, err, "prepare for the worker: "+older.Error()+
		"\nor begin again with an empty data folder: rm -rf '/data/it'\\''s mine'")

	newer := &migration.UnsupportedError{Database: database, Version: 101, Newest: 100}
	require.Equal(t, error(newer), adviseOnData(newer, "/data"), "a newer program can use the data")
	other := errors.New("port taken")
	require.Equal(t, other, adviseOnData(other, "/data"))
	require.NoError(t, adviseOnData(nil, "/data"))
}
