package serving

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Times of uploads.
const (
	// UploadLife is how long an upload is kept, longer while an import under way reads it.
	UploadLife = 24 * time.Hour
	// UploadTimeout is how long an upload may take.
	UploadTimeout = time.Hour
	// uploadHold is how long an upload is kept at least when an import is started with it.
	uploadHold = time.Hour
)

// Upload is a file that was uploaded for imports.
type Upload = db.Upload

// NewUpload is an upload that begins.
type NewUpload struct {
	// ID is a text of 26 characters that cannot be guessed.
	ID string
	// SiteID is the number of the site.
	SiteID int64
	// Name is the name of the file, By who uploads it.
	Name, By string
	// MaxPerSite is how many uploads the site may have.
	MaxPerSite int64
}

// BeginUpload reserves an upload for UploadTimeout. The error is store.ErrLimit if the site has as many as it may.
func (s *Store) BeginUpload(ctx context.Context, n NewUpload) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		// Two at once must not both find room for one more.
		if err := q.LockSite(ctx, n.SiteID); err != nil {
			return fmt.Errorf("lock the site: %w", err)
		}
		count, err := q.CountUploads(ctx, n.SiteID)
		if err != nil {
			return fmt.Errorf("count the uploads of the site: %w", err)
		}
		if count >= n.MaxPerSite {
			return fmt.Errorf("the site has %d uploads, and may have %d (server.max_uploads_per_site): delete some: %w",
				count, n.MaxPerSite, store.ErrLimit)
		}
		if err := q.AddUpload(ctx, db.AddUploadParams{
			ID: n.ID, SiteID: n.SiteID, Name: store.Plain(n.Name), CreatedBy: store.Plain(n.By),
			KeepS: UploadTimeout.Seconds(),
		}); err != nil {
			return fmt.Errorf("add an upload: %w", err)
		}
		return nil
	})
}

// CompleteUpload records that the bytes of an upload are there. The error is store.ErrNotFound if it has expired
// meanwhile.
func (s *Store) CompleteUpload(ctx context.Context, id string, size int64, sha256 string) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.CompleteUpload(ctx, db.CompleteUploadParams{
			ID: id, Bytes: size, Sha256: sha256, KeepS: UploadLife.Seconds(),
		})
		if err == nil && n == 0 {
			err = fmt.Errorf("the upload took longer than %s: %w", UploadTimeout, store.ErrNotFound)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("complete an upload: %w", err)
	}
	return nil
}

// UploadDocument is what the audit says about an upload.
type UploadDocument struct {
	Name   string `json:"name"`
	Bytes  int64  `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// DropUpload forgets an upload that was not completed.
func (s *Store) DropUpload(ctx context.Context, id string) error {
	if err := s.sql.Queries.DropUpload(ctx, id); err != nil {
		return fmt.Errorf("forget an upload: %w", err)
	}
	return nil
}

// Upload returns an upload of a site, or store.ErrNotFound.
func (s *Store) Upload(ctx context.Context, domain, id string) (Upload, error) {
	upload, err := s.sql.Queries.UploadByID(ctx, id, domain)
	return upload, store.Found(err, "upload %s", id)
}

// UploadKey is the key of an upload in a listing.
type UploadKey struct {
	CreatedAt time.Time
	ID        string
}

// Uploads returns at most limit of the uploads of a site behind a key, oldest first.
func (s *Store) Uploads(ctx context.Context, domain string, after UploadKey, limit int32) ([]Upload, error) {
	params := db.ListUploadsParams{Domain: domain, RowLimit: limit, AfterID: after.ID}
	if after.ID != "" {
		params.AfterCreated = &after.CreatedAt
	}
	uploads, err := s.sql.Queries.ListUploads(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("list uploads: %w", err)
	}
	return uploads, nil
}

// HoldUpload keeps an upload of a site for an hour at least, and returns it, or store.ErrNotFound.
func (s *Store) HoldUpload(ctx context.Context, domain, id string) (Upload, error) {
	upload, err := s.sql.Queries.HoldUpload(ctx, db.HoldUploadParams{ID: id, Domain: domain, HoldS: uploadHold.Seconds()})
	return upload, store.Found(err, "upload %s", id)
}

// NoteImport records that an import reads an upload, which is kept until the import has ended.
func (s *Store) NoteImport(ctx context.Context, id string, importID int64) error {
	if err := s.sql.Queries.NoteUploadImport(ctx, id, importID); err != nil {
		return fmt.Errorf("note that import %d reads an upload: %w", importID, err)
	}
	return nil
}

// DeleteUpload deletes an upload of a site. The errors are store.ErrNotFound, and store.ErrInUse if an import under way
// reads it.
func (s *Store) DeleteUpload(ctx context.Context, domain, id string) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		upload, err := q.UploadByID(ctx, id, domain)
		if err != nil {
			return store.Found(err, "upload %s", id)
		}
		store.NoteChange(ctx, UploadDocument{upload.Name, upload.Bytes, upload.Sha256}, nil)
		n, err := q.DeleteUpload(ctx, domain, id)
		switch {
		case err != nil:
			return fmt.Errorf("delete an upload: %w", err)
		case n == 0:
			return fmt.Errorf("upload %s is read by an import under way: %w", id, store.ErrInUse)
		default:
			return nil
		}
	})
}

// SweepUploads deletes uploads that have expired and returns their IDs, at most 1,000.
func (s *Store) SweepUploads(ctx context.Context) ([]string, error) {
	ids, err := s.sql.Queries.SweepUploads(ctx, sweepBatch)
	if err != nil {
		return nil, fmt.Errorf("sweep uploads: %w", err)
	}
	return ids, nil
}

// KnownUploads returns those of some IDs that are uploads.
func (s *Store) KnownUploads(ctx context.Context, ids []string) ([]string, error) {
	known, err := s.sql.Queries.KnownUploads(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("look uploads up: %w", err)
	}
	return known, nil
}
