package smtp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	gomail "github.com/wneessen/go-mail"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Errors of an attempt, beside refusedError and those that a retry may cure.
var (
	// errUnknown means that the server has the whole mail and has not said whether it took
	// it. A further attempt may deliver the mail a second time.
	errUnknown = errors.New("the mail server did not answer after the whole mail was sent: " +
		"it may have been delivered, and is not sent again")
	// errSender means that the server refuses the sender, which an operator can fix.
	errSender = errors.New("the mail server refuses the sender")
	// errDeferred means that the server puts off this mail or its recipient (greylisting, a
	// full or busy mailbox), which says nothing about other mails.
	errDeferred = errors.New("the mail server defers the mail")
)

// refusedError means that no further attempt at the mail succeeds.
type refusedError struct{ text string }

// Error says what was refused.
func (e *refusedError) Error() string { return e.text }

// explain words an error of the library anew: it does not name the recipient, and redacts
// what the server quotes. The reply's code and the stage decide what the error means
// (RFC 5321, section 4.2.1): a 5xx reply is permanent, unless it is about the session.
func (c *client) explain(ctx context.Context, err error, to string, line *line) error {
	var sending *gomail.SendError
	stage, code := gomail.SendErrReason(-1), 0
	if errors.As(err, &sending) {
		stage, code = sending.Reason, sending.ErrorCode()
	}
	if stage == gomail.ErrSMTPDataClose && code == 0 && !line.broken() {
		return errUnknown
	}
	var forbidden *outbound.RefusedError
	if errors.As(err, &forbidden) {
		return fmt.Errorf("reach the mail server: %w", forbidden)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the mail server did not take the mail within %s", c.timeout)
	}
	if permanent := refused(stage, code); permanent != nil {
		return permanent
	}
	text := strings.ReplaceAll(err.Error(), to, "the recipient")
	secret := connections.Connection{Secrets: map[string]string{secretPassword: c.password}}
	text = Line(secret.Redact(text), maxError)
	if stage == gomail.ErrSMTPMailFrom && code/100 == 5 && !aboutSession(code) {
		return fmt.Errorf("%w (%d): %s", errSender, code, text)
	}
	if deferred(stage, code) {
		return fmt.Errorf("%w (%d): %s", errDeferred, code, text)
	}
	return fmt.Errorf("send the mail: %s", text)
}

// deferred says whether a reply defers one mail: 450 and 451 to its recipient or its content,
// 452 to its recipient. Other 4xx replies are about the server: 421 closes the session, a 452 to
// the content lacks storage, 454 and 455 are about the session (RFC 5321, section 4.2.3).
func deferred(stage gomail.SendErrReason, code int) bool {
	switch stage {
	case gomail.ErrSMTPRcptTo:
		return code == 450 || code == 451 || code == 452
	case gomail.ErrSMTPDataClose:
		return code == 450 || code == 451
	default:
		return false
	}
}

// refused returns the permanent error of a reply, nil if the reply is not permanent.
func refused(stage gomail.SendErrReason, code int) error {
	if code/100 != 5 || aboutSession(code) {
		return nil
	}
	switch stage {
	case gomail.ErrSMTPMailFrom:
		// Other replies to MAIL FROM are about the sender. These two are about the mail: its
		// size, and the transaction as such.
		if code != 552 && code != 554 {
			return nil
		}
		return &refusedError{fmt.Sprintf("the mail server refuses the mail (%d)", code)}
	case gomail.ErrSMTPRcptTo:
		return &refusedError{fmt.Sprintf("the mail server refuses the recipient (%d)", code)}
	case gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		return &refusedError{fmt.Sprintf("the mail server refuses the mail (%d)", code)}
	default:
		return nil
	}
}

// aboutSession says whether a reply is about the session and not about the mail: unknown or
// misplaced commands (500 to 504), missing or failed authentication and encryption.
func aboutSession(code int) bool {
	switch code {
	case 500, 501, 502, 503, 504, 523, 524, 525, 530, 534, 535, 538:
		return true
	default:
		return false
	}
}

// maxError is how many characters of a server's reply are kept.
const maxError = 300
