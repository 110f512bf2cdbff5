package syncbench

import (
	"context"
	"errors"
	"net"
	"net/http"
	"time"
)

// server serves a fake on a free port.
type server struct {
	url  string
	stop func() error
}

func serve(ctx context.Context, handler http.Handler) (server, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return server{}, err
	}
	s := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	return server{url: "http://" + listener.Addr().String(), stop: func() error {
		err := s.Close()
		if ended := <-served; !errors.Is(ended, http.ErrServerClosed) {
			err = errors.Join(err, ended)
		}
		return err
	}}, nil
}
