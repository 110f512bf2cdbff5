package uploading

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/sluicehq/sluice/internal/outbound"
	servingstore "github.com/sluicehq/sluice/store/serving"
)

// Kind is the kind of connections.addresses for the addresses that files are fetched from.
const Kind = "upload"

// ErrFetch means that a server has not sent a file. Nothing is kept.
var ErrFetch = errors.New("the file cannot be fetched")

// Fetch keeps the file at a URL, as Put does. The guard restricts the address, also that of a name; redirects are not
// followed. An empty name is that of the URL's path.
func (f *Folder) Fetch(ctx context.Context, guard outbound.Guard, from string, file File) (servingstore.Upload, error) {
	parsed, err := url.Parse(from)
	if err != nil || parsed.Scheme != "https" && parsed.Scheme != "http" || parsed.Host == "" || parsed.User != nil {
		return servingstore.Upload{}, fmt.Errorf("%w: the URL is invalid: want https://host/path, without a user", ErrInvalid)
	}
	file.Name = cmp.Or(file.Name, path.Base(parsed.Path))
	if _, err := f.reader(file); err != nil {
		return servingstore.Upload{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, servingstore.UploadTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, parsed.String(), http.NoBody)
	if err != nil {
		return servingstore.Upload{}, fmt.Errorf("%w: the URL is invalid", ErrInvalid)
	}
	// A file is no secret that is sent: it comes.
	client := guard.Client(outbound.Protected)
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return servingstore.Upload{}, fetchError(ctx, err)
	}
	defer func() {
		// The file was read, or is not wanted.
		_ = response.Body.Close() //nolint:errcheck // see above
	}()
	if response.StatusCode != http.StatusOK {
		return servingstore.Upload{}, fmt.Errorf("%w: the server answers with status %d: want 200, without a redirect",
			ErrFetch, response.StatusCode)
	}
	if response.ContentLength > f.MaxBytes {
		return servingstore.Upload{}, ErrTooLarge
	}
	file.Content = response.Body
	upload, err := f.Put(ctx, file)
	if errors.Is(err, ErrRead) {
		return servingstore.Upload{}, fetchError(ctx, err)
	}
	return upload, err
}

// fetchError says why a file was not fetched, without its URL, which may have a secret.
func fetchError(ctx context.Context, err error) error {
	var refused *outbound.RefusedError
	switch {
	case errors.As(err, &refused):
		return fmt.Errorf("%w: %w", ErrFetch, refused)
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrFetch, ctx.Err())
	}
	if of, ok := errors.AsType[*url.Error](err); ok {
		err = of.Err
	}
	return fmt.Errorf("%w: %s", ErrFetch, strings.ReplaceAll(err.Error(), "\n", " "))
}
