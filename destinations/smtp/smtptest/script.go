package smtptest

import (
	"bufio"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations/smtp"
)

// Cut is the reply that closes the connection.
const Cut = ""

// Script is a mail server that replies by rote, in plain text and without accounts.
type Script struct {
	mu       sync.Mutex
	commands []string
	mails    []string
	address  *net.TCPAddr
}

// Scripted runs a server until the end of the test. reply returns what the server says to a
// command, such as "MAIL FROM:<a@example.com>"; the end of a mail is the command ".". Where
// reply returns "ok", the server answers as a server does that takes everything. Cut closes
// the connection without an answer.
func Scripted(tb testing.TB, reply func(command string) string) *Script {
	tb.Helper()
	s := &Script{}
	listener, err := (&net.ListenConfig{}).Listen(tb.Context(), "tcp", "127.0.0.1:0")
	require.NoError(tb, err)
	s.address, _ = listener.Addr().(*net.TCPAddr) //nolint:errcheck // it listens on tcp
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { s.serve(conn, reply) })
		}
	})
	tb.Cleanup(func() {
		require.NoError(tb, listener.Close())
		serving.Wait()
	})
	return s
}

// Settings returns settings with which mails are sent to the server.
func (s *Script) Settings() smtp.Config {
	return smtp.Config{
		Host: "127.0.0.1", Port: s.address.Port, TLS: smtp.Cleartext, From: "Sluice <sluice@example.com>",
	}
}

// Commands returns the commands that came so far.
func (s *Script) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.commands...)
}

// Mails returns how many whole mails came so far, acknowledged or not.
func (s *Script) Mails() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.mails...)
}

// serve talks to one client.
func (s *Script) serve(conn net.Conn, reply func(string) string) {
	defer conn.Close() //nolint:errcheck // the client has disconnected, or receives an end
	lines, say := bufio.NewScanner(conn), func(text string) bool {
		_, err := conn.Write([]byte(text + "\r\n"))
		return err == nil
	}
	ok := say("220 localhost")
	var body strings.Builder
	inMail := false
	for ok && lines.Scan() {
		command := lines.Text()
		if inMail && command != "." {
			body.WriteString(command + "\n")
			continue
		}
		s.note(command, body.String(), inMail)
		answer := reply(command)
		if answer == Cut {
			return
		}
		if answer == "ok" {
			answer = usual(command)
		}
		inMail = strings.HasPrefix(answer, "354")
		body.Reset()
		ok = say(answer) && !strings.HasPrefix(command, "QUIT")
	}
}

func (s *Script) note(command, body string, whole bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.commands = append(s.commands, command)
	if whole {
		s.mails = append(s.mails, body)
	}
}

// usual is the reply of a server that takes everything, without extensions.
func usual(command string) string {
	switch {
	case strings.HasPrefix(command, "EHLO"):
		return "250-localhost\r\n250 8BITMIME"
	case strings.HasPrefix(command, "DATA"):
		return "354 continue"
	case strings.HasPrefix(command, "QUIT"):
		return "221 bye"
	default:
		return "250 ok"
	}
}

// Offline returns settings of a server that does not exist.
func Offline() smtp.Config {
	return smtp.Config{Host: "localhost", Port: 587, TLS: smtp.StartTLS, From: "Sluice <sluice@example.com>"}
}
