package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
)

// maxNativeClients bounds the connections of the native interface. Each takes
// about half a megabyte of buffers; how many queries run at once is bounded by
// Config.MaxConnections.
const maxNativeClients = 256

// nativeServer serves ClickHouse's native TCP protocol.
type nativeServer struct {
	engine   *engine
	logger   *slog.Logger
	listener net.Listener

	mu       sync.Mutex           // of what follows
	conns    map[*nativeConn]bool // whether each is idle
	stopping bool
	drained  chan struct{} // closed when stopping and no connection is left
}

func newNativeServer(e *engine, logger *slog.Logger, listener net.Listener) *nativeServer {
	return &nativeServer{
		engine: e, logger: logger, listener: listener,
		conns: map[*nativeConn]bool{}, drained: make(chan struct{}),
	}
}

// serve accepts connections until shutdown or close. Queries end with running.
func (s *nativeServer) serve(running context.Context) error {
	for {
		nc, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) && s.isStopping() {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept connection: %w", err)
		}
		c := newNativeConn(s, nc)
		added, refusal := s.add(c)
		if !added {
			continue
		}
		go func() {
			defer s.remove(c)
			if err := c.run(running, refusal); err != nil {
				s.logger.Debug("native connection ended", slog.Any("error", err))
			}
		}()
	}
}

// add registers a connection, or closes it. One too many is registered too, but
// only to receive the refusal.
func (s *nativeServer) add(c *nativeConn) (added bool, refusal error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping || len(s.conns) >= 2*maxNativeClients {
		s.hangUp(c) // not even a refusal for those who are far too many
		return false, nil
	}
	if len(s.conns) >= maxNativeClients {
		refusal = newException(codeTooManyQueries, "Too many connections: there are %d", len(s.conns))
	}
	s.conns[c] = false
	return true, refusal
}

func (s *nativeServer) remove(c *nativeConn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hangUp(c)
	delete(s.conns, c)
	if s.stopping && len(s.conns) == 0 {
		close(s.drained)
	}
}

// hangUp closes a connection, whose goroutine notices. It may be called twice.
func (s *nativeServer) hangUp(c *nativeConn) {
	if err := c.socket.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		s.logger.Debug("native connection was not closed cleanly", slog.Any("error", err))
	}
}

// setIdle notes whether c waits for its client. It returns false if c is to
// end instead.
func (s *nativeServer) setIdle(c *nativeConn, idle bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns[c] = idle
	return !s.stopping
}

func (s *nativeServer) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// shutdown stops accepting, hangs up on idle clients and waits until the
// queries of the others have ended, at most until ctx does.
func (s *nativeServer) shutdown(ctx context.Context) error {
	err := s.hangUpOn(func(idle bool) bool { return idle })
	select {
	case <-s.drained:
		return err
	case <-ctx.Done():
		return errors.Join(err, context.Cause(ctx))
	}
}

// close hangs up on everybody without waiting for queries.
func (s *nativeServer) close() error {
	return s.hangUpOn(func(bool) bool { return true })
}

// hangUpOn stops accepting and closes the connections that are meant.
func (s *nativeServer) hangUpOn(meant func(idle bool) bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping && len(s.conns) == 0 {
		close(s.drained)
	}
	s.stopping = true
	for c, idle := range s.conns {
		if meant(idle) {
			s.hangUp(c)
		}
	}
	if err := s.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("stop listening: %w", err)
	}
	return nil
}
