package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"time"
)

// drainTime is how long a client may continue to send the data of an INSERT
// that has failed, before the connection is closed.
const drainTime = 5 * time.Second

// handler serves ClickHouse's HTTP interface.
type handler struct {
	engine *engine
	logger *slog.Logger
}

// newHandler routes the interface's addresses.
func newHandler(e *engine, logger *slog.Logger) http.Handler {
	h := &handler{engine: e, logger: logger}
	mux := http.NewServeMux()
	mux.HandleFunc("/ping", h.ok)
	mux.HandleFunc("/replicas_status", h.ok)
	mux.HandleFunc("/{$}", h.query)
	return mux
}

// ok says that we are there.
func (h *handler) ok(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	h.logWrite(io.WriteString(w, "Ok.\n"))
}

// logWrite notes that an answer did not reach its client.
func (h *handler) logWrite(_ int, err error) {
	if err != nil {
		h.logger.Debug("answer was not delivered", slog.Any("error", err))
	}
}

// query runs the query of a request.
func (h *handler) query(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost && r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.Error(w, "want GET or POST", http.StatusMethodNotAllowed)
		return
	}
	if r.Method == http.MethodGet && !r.URL.Query().Has("query") {
		h.ok(w, r)
		return
	}
	req, err := parseRequest(r)
	if err != nil {
		req = &request{mark: newMark()}
	}
	answer := newResponse(w, req, h.engine)
	var counts progress
	if err == nil {
		counts, err = h.run(r.Context(), w, req, answer)
		err = errors.Join(err, req.close())
	}
	if err == nil {
		h.logWrite(0, answer.finish(counts))
		return
	}
	h.logger.Debug("query failed", slog.String("query_id", req.id), slog.Int("code", asException(err).code))
	abort, writeErr := answer.fail(err)
	h.logWrite(0, writeErr)
	if abort {
		panic(http.ErrAbortHandler)
	}
}

// run executes the request's statement and writes its result to answer.
func (h *handler) run(
	ctx context.Context, w http.ResponseWriter, req *request, answer *response,
) (counts progress, err error) {
	st, data, err := req.statement()
	if err != nil {
		return progress{}, err
	}
	if req.isHello(st) {
		block, err := h.engine.hello(req.protocol)
		if err != nil {
			return progress{}, err
		}
		answer.setFormat("Native")
		_, err = answer.Write(block)
		return progress{readRows: 1}, err
	}
	// A client that is gone takes its query along, if that cannot have
	// changed anything: who writes may count on the write being finished.
	until := ctx
	if !st.readOnly {
		until = serverContext(ctx)
	}
	err = h.engine.do(ctx, req, func(s *session) (err error) {
		stop := h.engine.killWith(until, s.mark)
		defer func() { err = errors.Join(err, stop()) }()
		if err := h.engine.makeExternal(s, req.external); err != nil {
			return err
		}
		counts, err = h.execute(s, w, req, st, data, answer)
		return err
	})
	return counts, err
}

// execute runs the statement on s as its kind requires.
func (h *handler) execute(
	s *session, w http.ResponseWriter, req *request, st statement, data io.Reader, answer *response,
) (progress, error) {
	format := cmp.Or(st.format, req.defaultFormat)
	switch {
	case st.kind == statementInsert, st.kind == statementInput:
		control := http.NewResponseController(w)
		counts, err := h.engine.feed(s, st, req.params, &feed{
			source:     data,
			stopSource: func() error { return control.SetReadDeadline(time.Now().Add(drainTime)) },
		})
		if req.asynchronous() {
			// A server answers for the queue, and counts nothing
			// (https://github.com/ClickHouse/ClickHouse/issues/57768).
			counts = progress{}
		}
		return counts, err
	case st.kind == statementSelect && format == "Native":
		answer.setFormat(format)
		return s.streamNative(st.text, req.params, func(piece []byte) error {
			_, err := answer.Write(piece)
			return err
		})
	case st.kind == statementSelect && format != "Null":
		answer.setFormat(format)
		return h.engine.streamFormat(s, st, req.params, format, answer)
	}
	r, err := s.exec(st.text, format, req.params)
	if err != nil {
		return progress{}, err
	}
	defer r.destroy()
	answer.setFormat(format)
	_, err = answer.Write(r.data)
	return r.progress, err
}
