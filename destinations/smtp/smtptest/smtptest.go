// Package smtptest runs a mail server for tests: a real one (RFC 5321), with STARTTLS
// (RFC 3207) or TLS from the beginning, AUTH PLAIN (RFC 4616) and LOGIN, and a
// certificate authority of its own. It keeps what it is given.
package smtptest

import (
	"cmp"
	"crypto/tls"
	"io"
	"net"
	"net/mail"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	gosmtp "github.com/emersion/go-smtp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations/smtp"
)

// The account that every server has.
const (
	Username = "sluice@example.com"
	Password = "hunter2-Sm+p/S3cret" //nolint:gosec // planted, to be found where it must not be
)

// Config says what a server is like. The zero value is a server with STARTTLS and both
// mechanisms.
type Config struct {
	// TLS is as in smtp.Config. Defaults to smtp.StartTLS.
	TLS string
	// Mechanisms are those offered. Default to PLAIN and LOGIN.
	Mechanisms []string
	// Refuse, if set, may refuse a recipient.
	Refuse func(to string) error
	// RefuseMail, if set, may refuse a mail that was taken down.
	RefuseMail func() error
	// Hold, if set, is called with each mail before the server says that it has it.
	Hold func()
}

// Mail is a mail that was taken.
type Mail struct {
	From string
	To   []string
	// Raw is the mail as it was sent, Header its head.
	Raw     string
	Header  mail.Header
	Arrived time.Time
}

// Server is a mail server.
type Server struct {
	cfg     Config
	address *net.TCPAddr
	caFile  string

	mu    sync.Mutex
	mails []Mail
	came  chan struct{}
}

// Start runs a server until the end of the test.
func Start(tb testing.TB, cfg Config) *Server {
	tb.Helper()
	cfg.TLS = cmp.Or(cfg.TLS, smtp.StartTLS)
	if cfg.Mechanisms == nil {
		cfg.Mechanisms = []string{sasl.Plain, sasl.Login}
	}
	s := &Server{cfg: cfg, came: make(chan struct{})}
	certificate := s.certify(tb)
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	s.address, _ = listener.Addr().(*net.TCPAddr) //nolint:errcheck // it listens on tcp
	server := gosmtp.NewServer(gosmtp.BackendFunc(func(*gosmtp.Conn) (gosmtp.Session, error) {
		return &session{server: s}, nil
	}))
	server.Domain = "localhost"
	server.ErrorLog = silent{}
	server.TLSConfig = &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	switch cfg.TLS {
	case smtp.ImplicitTLS:
		listener = tls.NewListener(listener, server.TLSConfig)
	case smtp.Cleartext:
		server.TLSConfig, server.AllowInsecureAuth = nil, true
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	tb.Cleanup(func() {
		require.NoError(tb, server.Close())
		// A server that is closed before it has begun to serve does not know its listener.
		if err := listener.Close(); err != nil {
			require.ErrorIs(tb, err, net.ErrClosed)
		}
		require.NoError(tb, <-done)
	})
	return s
}

// Settings returns settings with which mails are sent to the server.
func (s *Server) Settings() smtp.Config {
	return smtp.Config{
		Host: "127.0.0.1", Port: s.address.Port, TLS: s.cfg.TLS, CAFile: s.caFile,
		Username: Username, Password: Password, From: "Sluice <sluice@example.com>",
	}
}

// Address is the server's.
func (s *Server) Address() string {
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.address.Port))
}

// Mails returns what was taken so far.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail(nil), s.mails...)
}

// Await waits until that many mails were taken.
func (s *Server) Await(tb testing.TB, n int) []Mail {
	tb.Helper()
	for {
		s.mu.Lock()
		mails, came := append([]Mail(nil), s.mails...), s.came
		s.mu.Unlock()
		if len(mails) >= n {
			return mails
		}
		select {
		case <-came:
		case <-time.After(30 * time.Second):
			require.FailNowf(tb, "mails are missing", "want %d, got %d", n, len(mails))
		}
	}
}

// silent drops what the library would log about clients that hang up.
type silent struct{}

// Printf does nothing.
func (silent) Printf(string, ...any) {}

// Println does nothing.
func (silent) Println(...any) {}

// take keeps a mail.
func (s *Server) take(m Mail, r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	m.Raw, m.Arrived = string(raw), time.Now()
	if s.cfg.RefuseMail != nil {
		if err := s.cfg.RefuseMail(); err != nil {
			return err
		}
	}
	if m.Header, err = headerOf(m.Raw); err != nil {
		return err
	}
	s.mu.Lock()
	s.mails = append(s.mails, m)
	close(s.came)
	s.came = make(chan struct{})
	s.mu.Unlock()
	if s.cfg.Hold != nil {
		s.cfg.Hold()
	}
	return nil
}
