package eventapi

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"

	"github.com/sluicehq/sluice/ingest/request"
)

// HeaderIdempotencyKey names a request: a second one with the same key gets the reply of
// the first, and its events are not buffered again.
const HeaderIdempotencyKey = "Idempotency-Key"

// MaxIdempotencyKey is the length of a key in bytes.
const MaxIdempotencyKey = 255

// Faults of Replies.
var (
	// ErrInProgress says that the first request with a key has not ended.
	ErrInProgress = errors.New("a request with this key is in progress")
	// ErrOtherRequest says that the key was used for another body.
	ErrOtherRequest = errors.New("the key was used for another request")
)

// Reply is an answer that is remembered.
type Reply struct {
	// Status is the status code.
	Status int
	// ContentType is the type of Body.
	ContentType string
	// Header are the other headers.
	Header map[string]string
	// Body is the answer.
	Body []byte
}

// Replies remembers the replies to requests of authorised senders. Implementations are
// safe for concurrent use, also by several servers.
type Replies interface {
	// Begin claims a key of a sender for a request with a fingerprint. It returns the
	// reply of an earlier request that has ended, nil if this one is the first,
	// ErrInProgress or ErrOtherRequest.
	Begin(ctx context.Context, sender, key string, fingerprint [sha256.Size]byte) (*Reply, error)
	// Complete remembers the reply to a claimed key.
	Complete(ctx context.Context, sender, key string, reply Reply) error
	// Abandon frees a claimed key, so that the request can be sent again.
	Abandon(ctx context.Context, sender, key string) error
}

// once runs a request, or returns the reply of the first one with the same key.
func (h *Handler) once(r *http.Request, sender *Sender, body []byte, run func() reply) reply {
	key := r.Header.Get(HeaderIdempotencyKey)
	if key == "" {
		return run()
	}
	wrong := func(status int, text string) reply {
		return refused(status, request.Errors{"idempotency_key": {text}})
	}
	switch {
	case sender == nil:
		return wrong(http.StatusUnauthorized, "is accepted from authorised senders only")
	case h.config.Replies == nil:
		return wrong(http.StatusNotImplemented, "is not supported by this server")
	case len(key) > MaxIdempotencyKey:
		return wrong(http.StatusBadRequest, "should be at most 255 bytes")
	}
	fingerprint := sha256.Sum256(append([]byte(r.URL.Path+"\x00"+r.Header.Get("Content-Type")+"\x00"), body...))
	earlier, err := h.config.Replies.Begin(r.Context(), sender.ID, key, fingerprint)
	switch {
	case errors.Is(err, ErrInProgress):
		return wrong(http.StatusConflict, ErrInProgress.Error())
	case errors.Is(err, ErrOtherRequest):
		return wrong(http.StatusUnprocessableEntity, ErrOtherRequest.Error())
	case err != nil:
		h.failed(r, err)
		return unavailable()
	case earlier != nil:
		return reply{
			status: earlier.Status, contentType: earlier.ContentType, header: earlier.Header, body: earlier.Body,
		}
	}
	// The sender may have gone; the key must not stay claimed, not even by a request that panics.
	ctx := context.WithoutCancel(r.Context())
	ended := false
	defer func() {
		if !ended {
			h.failed(r, errors.Join(errors.New("a request panicked"), h.config.Replies.Abandon(ctx, sender.ID, key)))
		}
	}()
	p := run()
	ended = true
	if p.status >= http.StatusInternalServerError {
		err = h.config.Replies.Abandon(ctx, sender.ID, key)
	} else {
		err = h.config.Replies.Complete(ctx, sender.ID, key, Reply{
			Status: p.status, ContentType: p.contentType, Header: p.header, Body: p.body,
		})
	}
	if err != nil {
		h.failed(r, err)
	}
	return p
}
