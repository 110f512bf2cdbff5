package ingestbench

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/sluicehq/sluice/ingest/eventapi"
)

// sendTimeout bounds a request.
const sendTimeout = time.Minute

// sender sends requests to one server. It costs less processor time than the server, with which it shares the
// machine. It is safe for concurrent use.
type sender struct {
	client *fasthttp.HostClient
	url    string
	// key authorises it, or is "".
	key string
}

// newSender returns a sender that has at most so many connections.
func newSender(address, path string, connections int) *sender {
	return &sender{
		client: &fasthttp.HostClient{
			Addr: address, MaxConns: connections, ReadTimeout: sendTimeout, WriteTimeout: sendTimeout,
			MaxIdleConnDuration: time.Minute, NoDefaultUserAgentHeader: true,
			// An event that is sent twice is stored twice.
			MaxIdemponentCallAttempts: 1,
		},
		url: "http://" + address + path,
	}
}

func (s *sender) close() { s.client.CloseIdleConnections() }

// answer is what became of the events of a request.
type answer struct {
	accepted, dropped, failed int64
	// fault says what failed, or is "".
	fault string
}

// post sends a body of so many events with the headers of a visitor, unless they are empty.
func (s *sender) post(body []byte, agent string, ip []byte, events int64) answer {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI(s.url)
	request.Header.SetMethod(http.MethodPost)
	request.Header.SetContentType("text/plain")
	if agent != "" {
		request.Header.SetUserAgent(agent)
		request.Header.SetBytesV("X-Forwarded-For", ip)
	}
	if s.key != "" {
		request.Header.Set("Authorization", "Bearer "+s.key)
	}
	request.SetBodyRaw(body)
	if err := s.client.Do(request, response); err != nil {
		return answer{failed: events, fault: err.Error()}
	}
	switch status := response.StatusCode(); status {
	case http.StatusAccepted:
		dropped, err := droppedOf(response)
		if err != nil {
			return answer{failed: events, fault: err.Error()}
		}
		return answer{accepted: events - dropped, dropped: dropped}
	case http.StatusOK:
		return batchAnswer(response.Body(), events)
	default:
		return answer{failed: events, fault: fmt.Sprintf("the server answered %d %s", status, response.Body())}
	}
}

func droppedOf(response *fasthttp.Response) (int64, error) {
	text := response.Header.Peek(eventapi.HeaderDroppedCount)
	if len(text) == 0 {
		return 0, nil
	}
	return strconv.ParseInt(string(text), 10, 64)
}

// batchAnswer counts the lines of the answer to a batch. To decode them would cost more than to send them.
func batchAnswer(body []byte, events int64) answer {
	accepted := int64(bytes.Count(body, []byte(`"status":"`+eventapi.LineAccepted+`","buffered":1`)))
	dropped := int64(bytes.Count(body, []byte(`"dropped":[`)))
	a := answer{accepted: accepted, dropped: dropped, failed: events - accepted - dropped}
	if a.failed != 0 {
		a.fault = fmt.Sprintf("of %d lines of a batch %d were accepted and %d dropped", events, accepted, dropped)
	}
	return a
}
