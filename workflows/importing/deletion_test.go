package importing_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

func TestDeletion(t *testing.T) {
	t.Parallel()
	in := importing.DeletionInput{ImportID: ImportID}
	order := []string{workflows.ActivityPurgeRows, workflows.ActivityRemove}
	t.Run("happy", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.ExecuteWorkflow(workflows.TypeDeletion, in)
		require.NoError(t, r.GetWorkflowError())
		require.Equal(t, order, r.once())
	})
	t.Run("errors", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.fail = func(_ string, call int) error {
			if call < 5 {
				return transient()
			}
			return nil
		}
		r.ExecuteWorkflow(workflows.TypeDeletion, in)
		require.NoError(t, r.GetWorkflowError())
		require.Equal(t, order, r.once())
		require.Equal(t, 5, r.calledTimes(workflows.ActivityRemove))
	})
	t.Run("gone already", func(t *testing.T) {
		t.Parallel()
		for _, at := range order {
			r := setup(t)
			r.fail = failAt(at, permanent(importers.ClassEnded))
			r.ExecuteWorkflow(workflows.TypeDeletion, in)
			var app *temporal.ApplicationError
			require.ErrorAs(t, r.GetWorkflowError(), &app)
			require.Equal(t, string(importers.ClassEnded), app.Type())
		}
	})
}
