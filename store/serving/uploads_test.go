package serving_test

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/serving"
)

func (b *bundle) add(t *testing.T) string {
	t.Helper()
	id := rand.Text()
	require.NoError(t, b.BeginUpload(b.ctx, serving.NewUpload{ID: id, SiteID: b.site.ID, Name: "a.csv", By: "ci", MaxPerSite: 3}))
	require.NoError(t, b.CompleteUpload(b.ctx, id, 12, "hash"))
	return id
}

// An upload is known once it is complete, to its own site.
func TestUploads(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := rand.Text()
	n := serving.NewUpload{ID: id, SiteID: b.site.ID, Name: "a.csv", By: "ci", MaxPerSite: 3}
	require.NoError(t, b.BeginUpload(b.ctx, n))
	_, err := b.Upload(b.ctx, domain, id)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.HoldUpload(b.ctx, domain, id)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.NoError(t, b.CompleteUpload(b.ctx, id, 12, "hash"))
	require.ErrorIs(t, b.CompleteUpload(b.ctx, id, 12, "hash"), store.ErrNotFound)
	upload, err := b.Upload(b.ctx, domain, id)
	require.NoError(t, err)
	require.EqualValues(t, 12, upload.Bytes)
	_, err = b.Upload(b.ctx, "other.example", id)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.ErrorIs(t, b.DeleteUpload(b.ctx, "other.example", id), store.ErrNotFound)

	second := b.add(t)
	b.add(t)
	require.ErrorIs(t, b.BeginUpload(b.ctx, serving.NewUpload{ID: rand.Text(), SiteID: b.site.ID, Name: "b.csv", MaxPerSite: 3}), store.ErrLimit)
	page, err := b.Uploads(b.ctx, domain, serving.UploadKey{}, 1)
	require.NoError(t, err)
	require.Equal(t, id, page[0].ID)
	page, err = b.Uploads(b.ctx, domain, serving.UploadKey{CreatedAt: page[0].CreatedAt, ID: page[0].ID}, 1)
	require.NoError(t, err)
	require.Equal(t, second, page[0].ID)
	require.NoError(t, b.DeleteUpload(b.ctx, domain, id))
	known, err := b.KnownUploads(b.ctx, []string{id, second})
	require.NoError(t, err)
	require.Equal(t, []string{second}, known)
}

// An upload is kept while an import under way reads it, and for an hour after it was held.
func TestUploadsInUse(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id, idle := b.add(t), b.add(t)
	var importID int64
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO imports (site_id, source, label, args, on_part_failure, max_rejects, max_reject_share,
		max_reject_ceiling, chunk_rows, chunk_bytes, parallelism, review_reminder_s, review_expiry_s)
		VALUES ($1, 'csv', 'csv', '{}', 'park', 0, 0, 1, 1, 1, 1, 1, 1) RETURNING id`, b.site.ID).Scan(&importID))
	require.NoError(t, b.NoteImport(b.ctx, id, importID))
	require.NoError(t, b.NoteImport(b.ctx, id, importID))
	require.ErrorIs(t, b.DeleteUpload(b.ctx, domain, id), store.ErrInUse)
	b.exec(t, "UPDATE uploads SET expires_at = now() + interval '1 minute'")
	_, err := b.HoldUpload(b.ctx, domain, idle)
	require.NoError(t, err)
	b.exec(t, "UPDATE uploads SET expires_at = expires_at - interval '2 minutes'")
	swept, err := b.SweepUploads(b.ctx)
	require.NoError(t, err)
	require.Empty(t, swept, "one is read, one is held")
	b.exec(t, "UPDATE imports SET status = 'completed'")
	swept, err = b.SweepUploads(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{id}, swept)
}
