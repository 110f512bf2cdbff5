package api

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sluicehq/sluice/access"
)

// streamSuffix is the end of the paths of streams, which do not count as requests under way.
const streamSuffix = "/stream"

// IsStream tells whether a request is for a stream, which lasts.
func IsStream(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.HasSuffix(r.URL.Path, streamSuffix)
}

const (
	// heartbeat is how often a stream without events sends a comment, so that proxies keep it open.
	heartbeat = 15 * time.Second
	// sendTimeout bounds the time of a client to take what was sent.
	sendTimeout = 10 * time.Second
	// recheck is how often the credentials of an open stream are checked again.
	recheck = time.Minute
	// Clients connect again after a delay between minReconnect and maxReconnect, in milliseconds: those of a server that
	// stops do not come all at once to another one.
	minReconnect, maxReconnect = 1000, 3000
)

// LastEvent is the input of a stream.
type LastEvent struct {
	LastEventID string `header:"Last-Event-ID" maxLength:"40" doc:"ID of the last event that the client has: the stream continues after it."`
}

// streamed describes a stream.
func streamed(o operation) operation {
	o.unbuffered = true
	o.responses = map[string]*huma.Response{
		"200": {Description: "Server-sent events.", Content: map[string]*huma.MediaType{
			"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}},
		}},
		"204": {Description: "The subject has ended, and the client has its last event: it need not connect again."},
	}
	return o
}

// streams adds the streams.
func (a *API) streams() {
	register(a, streamed(operation{
		id: "stream-imports", method: http.MethodGet, path: "/imports" + streamSuffix, tag: tagImports,
		summary: "Stream changes of imports", need: access.PermissionRead, reach: reachSome,
		description: "Events: `import` has a changed import, `deleted` the ID of a deleted one, `resync` says that events " +
			"may be missing. Open the stream first, then list the imports.",
	}), a.streamImports)
	register(a, streamed(operation{
		id: "stream-import", method: http.MethodGet, path: "/imports/{import}" + streamSuffix, tag: tagImports,
		summary: "Stream an import: its phases, parts and rows", need: access.PermissionRead, reach: reachImport,
		description: "Events: `import` and `part` have the state, first all of it; `feedback` has a new line, `deleted` " +
			"the ID of a deleted import, `end` the ID of an import that has ended, after which the stream ends; `resync` " +
			"says that lines are missing.",
	}), a.streamImport)
	register(a, streamed(operation{
		id: "stream-destination", method: http.MethodGet, path: "/destinations/{destination}" + streamSuffix,
		tag: tagDestinations, need: access.PermissionRead, reach: reachAll,
		summary: "Stream a destination: its actions, jobs and circuits",
		description: "Events: `state` has the destination as shown, first at once and then, once a second, if it has " +
			"changed.",
	}), a.streamDestination)
}

func (a *API) streamImports(ctx context.Context, in *LastEvent) (*huma.StreamResponse, error) {
	scope, err := access.RequireScope(ctx, access.PermissionRead)
	if err != nil {
		return nil, err
	}
	s := &subscriber{scope: scope, since: in.LastEventID}
	leave, err := a.feed.subscribe(s)
	if err != nil {
		return nil, err
	}
	return a.stream(s, leave), nil
}

type streamImportInput struct {
	ImportPath
	LastEvent
}

func (a *API) streamImport(_ context.Context, in *streamImportInput) (*huma.StreamResponse, error) {
	if in.LastEventID == endID {
		return &huma.StreamResponse{Body: func(ctx huma.Context) { ctx.SetStatus(http.StatusNoContent) }}, nil
	}
	s := &subscriber{importID: in.Import, since: in.LastEventID}
	leave, err := a.feed.subscribe(s)
	if err != nil {
		return nil, err
	}
	return a.stream(s, leave), nil
}

type streamDestinationInput struct {
	DestinationPath
	LastEvent
}

func (a *API) streamDestination(ctx context.Context, in *streamDestinationInput) (*huma.StreamResponse, error) {
	read := func(ctx context.Context) (any, error) {
		d, err := a.showDestination(ctx, &in.DestinationPath)
		if err != nil {
			return nil, err
		}
		return d.Body, nil
	}
	if _, err := read(ctx); err != nil {
		return nil, err
	}
	s, leave, err := a.feed.subscribeTopic("destination/"+in.Destination, read)
	if err != nil {
		return nil, err
	}
	return a.stream(s, leave), nil
}

// stream answers with the events of a subscriber until it or the subscription ends.
func (a *API) stream(s *subscriber, leave func()) *huma.StreamResponse {
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer leave()
		r, w := humago.Unwrap(ctx)
		endRead(w)
		header := w.Header()
		header.Set("Content-Type", "text/event-stream")
		header.Set("X-Accel-Buffering", "no")
		out := &streamWriter{w: w, control: http.NewResponseController(w)}
		// A stream may end at any time, with its server or because its client is too slow: this says when to come back.
		delay := minReconnect + rand.IntN(maxReconnect-minReconnect) //nolint:gosec // it spreads clients
		if out.send(fmt.Appendf(nil, "retry: %d\n\n", delay)) != nil {
			return
		}
		a.follow(r, s, out)
	}}
}

// follow sends the events of a subscriber.
func (a *API) follow(r *http.Request, s *subscriber, out *streamWriter) {
	beat, check := time.NewTicker(heartbeat), time.NewTicker(recheck)
	defer beat.Stop()
	defer check.Stop()
	for {
		var err error
		select {
		case <-s.ready:
			e, ok := a.feed.next(s)
			if !ok {
				continue
			}
			if err = out.event(e); e.name == eventEnd {
				return
			}
		case <-s.ended:
			return
		case <-beat.C:
			err = out.send([]byte(": keep-alive\n\n"))
		case <-check.C:
			// A revoked token ends its streams.
			_, err = a.cfg.Authenticator.Authenticate(r)
		case <-r.Context().Done():
			return
		case <-a.stopping:
			return
		}
		if err != nil {
			return
		}
	}
}

// streamWriter sends events, each within sendTimeout.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s *streamWriter) event(e event) error {
	var text bytes.Buffer
	if e.name != "" {
		fmt.Fprintf(&text, "event: %s\n", e.name)
	}
	if e.id != "" {
		fmt.Fprintf(&text, "id: %s\n", e.id)
	}
	if e.data != nil {
		// JSON has no line breaks of its own.
		fmt.Fprintf(&text, "data: %s\n", e.data)
	}
	text.WriteByte('\n')
	return s.send(text.Bytes())
}

func (s *streamWriter) send(text []byte) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(sendTimeout)); err != nil {
		return err
	}
	if _, err := s.w.Write(text); err != nil {
		return err
	}
	return s.control.Flush()
}
