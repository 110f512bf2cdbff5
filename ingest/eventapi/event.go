package eventapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/request"
)

// Headers of answers.
const (
	// HeaderDroppedCount is the number of dropped events. Upstream's.
	HeaderDroppedCount = "X-Plausible-Dropped"
	// HeaderDropped lists the dropped events: domain=reason, separated by commas.
	HeaderDropped = "X-Sluice-Dropped"
)

// HeaderDebug asks for the visitor's address as the endpoint sees it, instead of sending
// an event.
const HeaderDebug = "X-Debug-Request"

// event answers `POST /api/event`: 202 with the text "ok" once the event log has
// acknowledged the events and the counts of those that were dropped.
func (h *Handler) event(w http.ResponseWriter, r *http.Request) {
	allowOrigin(w)
	ip, ipType := request.Remote(r.Header, r.RemoteAddr, h.config.Proxies)
	if r.Header.Get(HeaderDebug) == "true" {
		reply{status: http.StatusOK, contentType: typeText, body: []byte(ip.String())}.write(w)
		return
	}
	sender, err := h.config.Authorise(r)
	if err != nil {
		h.failed(r, err)
		unavailable().write(w)
		return
	}
	body, fault := h.read(w, r, request.MaxBody)
	if fault != nil {
		fault.write(w)
		return
	}
	in := request.Input{
		ContentType: r.Header.Get("Content-Type"), Body: body, UserAgent: r.UserAgent(),
		RemoteIP: ip, IPType: ipType, Now: h.config.Now(),
	}
	if sender != nil {
		in.Authorised, in.SenderSite = true, sender.SiteID
	}
	h.once(r, sender, body, func() reply { return h.single(r, in) }).write(w)
}

// single buffers the events of one request.
func (h *Handler) single(r *http.Request, in request.Input) reply {
	parsed, err := request.Parse(in)
	if err != nil {
		return refused(http.StatusBadRequest, err)
	}
	results, err := h.buffer(r, []request.Request{parsed})
	if err != nil {
		h.failed(r, err)
		return unavailable()
	}
	if refusal := results[0].Refused; refusal != nil {
		return refused(http.StatusBadRequest, refusal)
	}
	return accepted(results[0])
}

// read returns the body, or the reply to one that is too long or does not come.
func (h *Handler) read(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *reply) {
	// A writer without a connection, as in tests, has no deadline. It is removed after the
	// body, because it would end the request later on.
	control := http.NewResponseController(w)
	err := control.SetReadDeadline(time.Now().Add(h.config.ReadTimeout))
	bounded := err == nil
	var body []byte
	if bounded || errors.Is(err, http.ErrNotSupported) {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	}
	if err == nil && bounded {
		err = control.SetReadDeadline(time.Time{})
	}
	if err == nil {
		return body, nil
	}
	if errors.Is(err, ErrBusy) {
		h.failed(r, err)
		busy := unavailable()
		// Otherwise the server reads on before it answers.
		busy.header["Connection"] = "close"
		return nil, &busy
	}
	fault := refused(http.StatusBadRequest, request.Errors{
		request.FieldRequest: {"the body ended early or took too long"},
	})
	if tooLong := (*http.MaxBytesError)(nil); errors.As(err, &tooLong) {
		text := "should be at most " + strconv.FormatInt(limit, 10) + " bytes"
		fault = refused(http.StatusRequestEntityTooLarge, request.Errors{request.FieldRequest: {text}})
	}
	return nil, &fault
}

// Types of answers.
const (
	typeText  = "text/plain; charset=utf-8"
	typeJSON  = "application/json; charset=utf-8"
	typeLines = "application/x-ndjson; charset=utf-8"
)

// reply is an answer.
type reply struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte
}

func (p reply) write(w http.ResponseWriter) {
	for name, value := range p.header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", p.contentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(p.status)
	// The sender that has gone is not told; its events are buffered.
	_, _ = w.Write(p.body) //nolint:errcheck // see above
}

// accepted is the reply to a request whose events were buffered or dropped.
func accepted(result ingest.Result) reply {
	p := reply{status: http.StatusAccepted, contentType: typeText, body: []byte("ok")}
	if len(result.Dropped) == 0 {
		return p
	}
	dropped := make([]string, 0, len(result.Dropped))
	for _, e := range result.Dropped {
		// A domain is the sender's text; it must not end the header.
		dropped = append(dropped, url.QueryEscape(e.Domain)+"="+string(e.DropReason))
	}
	p.header = map[string]string{
		HeaderDroppedCount: strconv.Itoa(len(result.Dropped)), HeaderDropped: strings.Join(dropped, ","),
	}
	return p
}

// refused is the reply to a request that is wrong.
func refused(status int, err error) reply {
	var faults request.Errors
	if !errors.As(err, &faults) {
		faults = request.Errors{request.FieldRequest: {err.Error()}}
	}
	return reply{status: status, contentType: typeJSON, body: encode(map[string]any{"errors": faults})}
}

// unavailable is the reply to a request that can be sent again.
func unavailable() reply {
	p := refused(http.StatusServiceUnavailable, request.Errors{request.FieldRequest: {"not buffered, send it again"}})
	p.header = map[string]string{"Retry-After": retryAfter}
	return p
}

// encode returns the JSON of maps, texts and numbers, which always have one.
func encode(v any) []byte {
	body, err := json.Marshal(v)
	if err != nil {
		panic("eventapi: encode an answer: " + err.Error())
	}
	return body
}
