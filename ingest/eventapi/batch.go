package eventapi

import (
	"bytes"
	"errors"
	"net/http"
	"strconv"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/request"
)

// States of a line.
const (
	// LineAccepted: its events were buffered or dropped.
	LineAccepted = "accepted"
	// LineInvalid: it was refused; sending it again does not help.
	LineInvalid = "invalid"
	// LineFailed: it was not buffered; it can be sent again.
	LineFailed = "failed"
)

// LineResult is the answer to a line of a batch.
type LineResult struct {
	// Line counts from 1.
	Line int `json:"line"`
	// Status is LineAccepted, LineInvalid or LineFailed.
	Status string `json:"status"`
	// Buffered is the number of buffered events.
	Buffered int `json:"buffered"`
	// Dropped are the dropped events.
	Dropped []LineDrop `json:"dropped,omitempty"`
	// Errors are the faults of an invalid line by field.
	Errors request.Errors `json:"errors,omitempty"`
}

// LineDrop is a dropped event.
type LineDrop struct {
	Domain string            `json:"domain"`
	Reason ingest.DropReason `json:"reason"`
}

// batch answers `POST /api/events`: an event in JSON a line, and a result a line. The events
// are buffered in their order.
func (h *Handler) batch(w http.ResponseWriter, r *http.Request) {
	sender, err := h.config.Authorise(r)
	if err != nil {
		h.failed(r, err)
		unavailable().write(w)
		return
	}
	if sender == nil {
		w.Header().Set("WWW-Authenticate", "Bearer")
		refused(http.StatusUnauthorized, request.Errors{
			request.FieldRequest: {"is accepted from authorised senders only"},
		}).write(w)
		return
	}
	body, fault := h.read(w, r, MaxBatch)
	if fault != nil {
		fault.write(w)
		return
	}
	h.once(r, sender, body, func() reply { return h.lines(r, sender, body) }).write(w)
}

// lines buffers the lines of a batch. Once a part of them has failed, the rest is not
// tried: a later event must not overtake an earlier one.
func (h *Handler) lines(r *http.Request, sender *Sender, body []byte) reply {
	ip, ipType := request.Remote(r.Header, r.RemoteAddr, h.config.Proxies)
	var results []LineResult
	var requests []request.Request
	for number, line := range bytes.Split(body, []byte("\n")) {
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(results) == MaxLines {
			return refused(http.StatusRequestEntityTooLarge, request.Errors{
				request.FieldRequest: {"should have at most " + strconv.Itoa(MaxLines) + " lines"},
			})
		}
		parsed, err := request.Parse(request.Input{
			Body: line, UserAgent: r.UserAgent(), RemoteIP: ip, IPType: ipType, Now: h.config.Now(), Authorised: true,
			SenderSite: sender.SiteID,
		})
		result := LineResult{Line: number + 1, Status: LineFailed}
		if err != nil {
			result.Status = LineInvalid
			if !errors.As(err, &result.Errors) {
				result.Errors = request.Errors{request.FieldRequest: {err.Error()}}
			}
		}
		results = append(results, result)
		requests = append(requests, parsed)
	}
	buffered, failed := h.bufferLines(r, results, requests)
	if failed && !buffered {
		return unavailable()
	}
	var answer bytes.Buffer
	for _, result := range results {
		answer.Write(encode(result))
		answer.WriteByte('\n')
	}
	return reply{status: http.StatusOK, contentType: typeLines, body: answer.Bytes()}
}

// bufferLines sends the valid lines through the pipeline and completes their results. It reports
// whether lines were accepted and whether lines failed.
func (h *Handler) bufferLines(
	r *http.Request, results []LineResult, requests []request.Request,
) (buffered, failed bool) {
	var at []int
	for i := range results {
		if results[i].Status != LineInvalid {
			at = append(at, i)
		}
	}
	for len(at) > 0 {
		now := at[:min(len(at), chunk)]
		at = at[len(now):]
		list := make([]request.Request, 0, len(now))
		for _, i := range now {
			list = append(list, requests[i])
		}
		done, err := h.buffer(r, list)
		if err != nil {
			h.failed(r, err)
			return buffered, true
		}
		buffered = true
		for n, i := range now {
			if refusal := done[n].Refused; refusal != nil {
				results[i].Status, results[i].Errors = LineInvalid, refusal
				continue
			}
			results[i].Status, results[i].Buffered = LineAccepted, len(done[n].Buffered)
			for _, e := range done[n].Dropped {
				results[i].Dropped = append(results[i].Dropped, LineDrop{Domain: e.Domain, Reason: e.DropReason})
			}
		}
	}
	return buffered, false
}
