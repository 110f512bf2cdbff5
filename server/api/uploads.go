package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/uploading"
	servingstore "github.com/sluicehq/sluice/store/serving"
)

const (
	tagUploads = "uploads"
	// maxUploading is the number of uploads that a server takes at a time.
	maxUploading = 16
	// uploadIdle bounds the time between two reads of an upload.
	uploadIdle = 30 * time.Second
	// uploadOverhead is the size of a multipart body beside the file, in bytes.
	uploadOverhead = 64 << 10
	// answerTimeout bounds the time to send an answer after an upload.
	answerTimeout = 30 * time.Second
)

// Upload is an uploaded file.
type Upload struct {
	ID        string    `json:"id" doc:"ID for the field upload of start-import."`
	Name      string    `json:"name"`
	Bytes     int64     `json:"bytes"`
	SHA256    string    `json:"sha256"`
	CreatedBy string    `json:"created_by"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at" doc:"When the file is deleted, unless an import under way reads it."`
}

func uploadOf(u servingstore.Upload) Upload {
	return Upload{
		ID: u.ID, Name: u.Name, Bytes: u.Bytes, SHA256: u.Sha256, CreatedBy: u.CreatedBy, CreatedAt: u.CreatedAt,
		ExpiresAt: u.ExpiresAt,
	}
}

// UploadPath is the input of an operation on an upload.
type UploadPath struct {
	SitePath
	Upload string `path:"upload" maxLength:"26" doc:"ID of the upload."`
}

// SitePath is the input of an operation on a site.
type SitePath struct {
	Site string `path:"site" maxLength:"253" doc:"Domain of the site."`
}

// uploads adds the operations of uploads.
func (a *API) uploads() {
	problems := []problemType{problemDisabled, problemLimit, problemSource, problemTooLarge, problemStorage}
	register(a, operation{
		id: "upload-file", method: http.MethodPost, path: "/sites/{site}/uploads", tag: tagUploads,
		summary: "Upload a file for imports", need: access.PermissionOperate, reach: reachSite, status: http.StatusCreated,
		description: "The file is checked as the importer checks it, and kept for a day. Its name tells the importer what " +
			"it has.",
		problems: problems, unbuffered: true, request: uploadRequest(),
	}, a.uploadFile)
	register(a, operation{
		id: "fetch-file", method: http.MethodPost, path: "/sites/{site}/uploads/fetch", tag: tagUploads,
		summary: "Fetch a file for imports from a URL", need: access.PermissionOperate, reach: reachSite,
		status: http.StatusCreated, noKey: true,
		description: "The server fetches the file, without following redirects. `connections.addresses` restricts the " +
			"addresses (kind `upload`, by default public ones).",
		problems: append(problems, problemFetch),
	}, a.fetchFile)
	register(a, operation{
		id: "list-uploads", method: http.MethodGet, path: "/sites/{site}/uploads", tag: tagUploads,
		summary: "List the uploads of a site, oldest first", need: access.PermissionOperate, reach: reachSite,
	}, a.listUploads)
	register(a, operation{
		id: "show-upload", method: http.MethodGet, path: "/sites/{site}/uploads/{upload}", tag: tagUploads,
		summary: "Show an upload", need: access.PermissionOperate, reach: reachSite,
	}, func(ctx context.Context, in *UploadPath) (*output[Upload], error) {
		u, err := a.serving.Upload(ctx, in.Site, in.Upload)
		return answer(uploadOf(u), err)
	})
	register(a, operation{
		id: "delete-upload", method: http.MethodDelete, path: "/sites/{site}/uploads/{upload}", tag: tagUploads,
		summary: "Delete an upload", need: access.PermissionOperate, reach: reachSite,
		problems: []problemType{problemInUse, problemDisabled},
	}, func(ctx context.Context, in *UploadPath) (*struct{}, error) {
		return nil, uploadProblem(a.cfg.Uploads.Delete(ctx, in.Site, in.Upload))
	})
}

// uploadRequest describes the body of upload-file.
func uploadRequest() *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"multipart/form-data": {
		Schema: &huma.Schema{
			Type: huma.TypeObject, Required: []string{"file"},
			Properties: map[string]*huma.Schema{"file": {
				Type: huma.TypeString, Format: "binary", Description: "The file, with its name.",
			}},
		},
	}}}
}

type uploadInput struct {
	SitePath
	Source string `query:"source" default:"csv" maxLength:"100" doc:"Importer that is to read the file."`
}

func (a *API) uploadFile(ctx context.Context, in *uploadInput) (*created[Upload], error) {
	if !a.uploading.TryAcquire(1) {
		return nil, newProblem(problemBusy, "Other files are being uploaded: try again.")
	}
	defer a.uploading.Release(1)
	r, w := exchangeOf(ctx)
	if r.ContentLength > a.cfg.Uploads.MaxBytes+uploadOverhead {
		return nil, tooLarge(a.cfg.Uploads.MaxBytes)
	}
	r.Body = &patientBody{ReadCloser: http.MaxBytesReader(w, r.Body, a.cfg.Uploads.MaxBytes+uploadOverhead), w: w}
	file, name, err := filePart(r)
	if err != nil {
		return nil, err
	}
	upload, err := a.cfg.Uploads.Put(ctx, uploading.File{
		Site: in.Site, Source: in.Source, Name: name, By: by(ctx, "").Who, Content: file,
	})
	endRead(w)
	return a.uploaded(ctx, in.Site, upload, err)
}

// uploaded answers with an upload. The deadline of the answer begins now: the body may have taken longer.
func (a *API) uploaded(
	ctx context.Context, site string, upload servingstore.Upload, err error,
) (*created[Upload], error) {
	_, w := exchangeOf(ctx)
	// Only writers of tests have no deadlines.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout)) //nolint:errcheck // see above
	if err != nil {
		return nil, uploadProblem(err)
	}
	return &created[Upload]{Location: pathOf("/sites/%s/uploads/%s", site, upload.ID), Body: uploadOf(upload)}, nil
}

// filePart returns the file of a multipart body, with its name.
func filePart(r *http.Request) (file io.Reader, name string, err error) {
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, "", newProblem(problemMediaType, "Send multipart/form-data with the file as the field \"file\".")
	}
	part, err := reader.NextPart()
	if errors.Is(err, io.EOF) || err == nil && part.FormName() != "file" {
		return nil, "", invalidField("#/file", "want the file as the first field, \"file\"")
	}
	if err != nil {
		return nil, "", bodyProblem(err, 0)
	}
	// FileName leaves the folder out.
	name = part.FileName()
	return part, name, nil
}

// patientBody lets a client send as long as it does not pause.
type patientBody struct {
	io.ReadCloser
	w http.ResponseWriter
}

// Read extends the deadline before it reads.
func (b *patientBody) Read(p []byte) (int, error) {
	if err := extendRead(b.w, uploadIdle); err != nil {
		return 0, err
	}
	return b.ReadCloser.Read(p)
}

// uploadProblem turns the errors of uploads into problems.
func uploadProblem(err error) error {
	var large *http.MaxBytesError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, uploading.ErrDisabled):
		return newProblem(problemDisabled, err.Error())
	case errors.Is(err, uploading.ErrTooLarge), errors.As(err, &large):
		return newProblem(problemTooLarge, "The file is larger than server.max_upload_mib allows.")
	case errors.Is(err, uploading.ErrFetch):
		return newProblem(problemFetch, err.Error())
	case errors.Is(err, uploading.ErrInvalid):
		text, _ := strings.CutPrefix(err.Error(), uploading.ErrInvalid.Error()+": ")
		return newProblem(problemSource, firstLine(text), faultsOf(text)...)
	case errors.Is(err, uploading.ErrRead) && errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(problemTimeout, "The file did not arrive: nothing came for "+uploadIdle.String()+".")
	case errors.Is(err, uploading.ErrRead):
		return newProblem(problemMalformed, "The body ends too early, or is no valid multipart/form-data.")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return newProblem(problemStorage, "The folder of uploads (server.upload_dir) is full.")
	default:
		return err
	}
}

// FetchRequest asks for a file to be fetched.
type FetchRequest struct {
	URL    string `json:"url" minLength:"1" maxLength:"2000" doc:"URL of the file, https or http."`
	Name   string `json:"name,omitempty" maxLength:"200" doc:"Name of the file. Defaults to the end of the URL's path."`
	Source string `json:"source,omitempty" maxLength:"100" doc:"Importer that is to read the file. Defaults to csv."`
}

type fetchInput struct {
	SitePath
	Body FetchRequest
}

func (a *API) fetchFile(ctx context.Context, in *fetchInput) (*created[Upload], error) {
	if !a.uploading.TryAcquire(1) {
		return nil, newProblem(problemBusy, "Other files are being uploaded: try again.")
	}
	defer a.uploading.Release(1)
	_, w := exchangeOf(ctx)
	// The answer comes after the file.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) //nolint:errcheck // writers of tests have none
	source := cmp.Or(in.Body.Source, "csv")
	upload, err := a.cfg.Uploads.Fetch(ctx, a.cfg.FetchGuard, in.Body.URL, uploading.File{
		Site: in.Site, Source: source, Name: in.Body.Name, By: by(ctx, "").Who,
	})
	return a.uploaded(ctx, in.Site, upload, err)
}

type listUploadsInput struct {
	SitePath
	Page
}

func (a *API) listUploads(ctx context.Context, in *listUploadsInput) (*List[Upload], error) {
	return paged(ctx, in.Page, func(after servingstore.UploadKey, limit int) ([]Upload, error) {
		uploads, err := a.serving.Uploads(ctx, in.Site, after, int32(limit))
		return convert.Slice(uploads, uploadOf), err
	}, func(u Upload) servingstore.UploadKey {
		return servingstore.UploadKey{CreatedAt: u.CreatedAt, ID: u.ID}
	})
}
