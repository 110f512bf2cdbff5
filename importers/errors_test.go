package importers_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
)

func TestPermanent(t *testing.T) {
	t.Parallel()
	require.NoError(t, importers.Permanent(importers.ClassInput, nil))
	err := importers.Permanent(importers.ClassInput, io.ErrUnexpectedEOF)
	require.EqualError(t, err, io.ErrUnexpectedEOF.Error())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)

	for name, tc := range map[string]struct {
		err  error
		want importers.Class
	}{
		"nil":           {nil, ""},
		"transient":     {io.EOF, ""},
		"permanent":     {err, importers.ClassInput},
		"wrapped":       {fmt.Errorf("plan: %w", err), importers.ClassInput},
		"joined":        {errors.Join(io.EOF, err), importers.ClassInput},
		"the outermost": {importers.Permanent(importers.ClassAccess, err), importers.ClassAccess},
		"retry after":   {importers.RetryAfter(time.Second, io.EOF), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			class, ok := importers.ClassOf(tc.err)
			require.Equal(t, tc.want, class)
			require.Equal(t, tc.want != "", ok)
		})
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	require.NoError(t, importers.RetryAfter(time.Second, nil))
	err := fmt.Errorf("fetch: %w", importers.RetryAfter(time.Minute, io.ErrNoProgress))
	var after *importers.RetryAfterError
	require.ErrorAs(t, err, &after)
	require.Equal(t, time.Minute, after.After)
	require.ErrorIs(t, err, io.ErrNoProgress)
	require.EqualError(t, err, "fetch: "+io.ErrNoProgress.Error())
}
