package e2e

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/smtp/smtptest"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// halfBroken cannot read part 1.
type halfBroken struct{ importers.Importer }

// ImportData refuses part 1 for the time being.
func (h halfBroken) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	if part.No == 1 {
		return nil, errors.New("the disk is away")
	}
	return h.Importer.ImportData(ctx, imp, part, from)
}

// A parked part is reported at once, also while another part continues: in the import's
// status, by a mail, for which the worker needs no key set, and by NOTIFY.
func TestParkedIsReported(t *testing.T) {
	t.Parallel()
	s := setup(t, enginetest.Impatient(halfBroken{noop.New()}))
	mails := smtptest.Start(t, smtptest.Config{})
	s.Settings.Notify = notifyBy(mails)
	s.Settings.Notify.To = "ops@example.com"
	s.Tune = func(cfg *worker.Config) { cfg.Destinations = destinations.NewRegistry(smtp.New(outbound.Guard{})) }
	ctx := enginetest.Context(t)
	listener, err := starter.Listen(ctx, s.Store)
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close(ctx)) }()
	s.StartWorker(t)
	imp := s.noop(site, forHours)
	now := s.WaitFor(t, imp.ID, "parked", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusParked })
	require.EqualValues(t, 3, now.PartsTotal)
	require.Zero(t, now.PartsDone)
	s.WaitFor(t, imp.ID, "another part continues", func(now importstore.Summary) bool { return now.RowsLoaded > 0 })
	for {
		n, err := listener.Next(ctx)
		require.NoError(t, err)
		if n.Event == importstore.JobParked {
			require.Equal(t, imp.ID, n.ImportID)
			break
		}
	}
	told := mails.Await(t, 1)[0]
	require.Equal(t, []string{"ops@example.com"}, told.To)
	require.Contains(t, told.Header.Get("Subject"), "is parked")
	s.WaitFor(t, imp.ID, "shown in Temporal", func(importstore.Summary) bool {
		return s.attributes(imp.WorkflowID, "")["SluiceStatus"] == importstore.StatusParked
	})
	require.NoError(t, s.Starter.SkipPart(ctx, imp.ID, 1, bob))
	s.WaitFor(t, imp.ID, "running again", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusRunning })
	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, bob))
	s.end(imp, importstore.StatusCancelled)
}
