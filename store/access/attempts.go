package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sluicehq/sluice/store/internal/db"
)

// Limits of attempts to sign in, over all servers. Successful ones do not count.
const (
	// AttemptWindow begins with the first attempt.
	AttemptWindow = 15 * time.Minute
	// MaxAccountAttempts bounds the attempts for an account, also for one that does not exist.
	MaxAccountAttempts = 10
	// MaxAddressAttempts bounds the attempts from an IPv4 address or an IPv6 network of 64 bits.
	MaxAddressAttempts = 30
)

// ErrAttempts means that there were too many attempts to sign in.
var ErrAttempts = errors.New("too many attempts to sign in")

// AttemptsError is ErrAttempts with the time until the next attempt.
type AttemptsError struct {
	// RetryAfter is rounded up to whole seconds.
	RetryAfter time.Duration
}

// Error names the time until the next attempt.
func (e AttemptsError) Error() string {
	return fmt.Sprintf("%s: try again in %s", ErrAttempts, e.RetryAfter)
}

// Is reports whether the target is ErrAttempts.
func (AttemptsError) Is(target error) bool { return target == ErrAttempts }

// CountAttempt counts an attempt before its password is checked, so that attempts at once are counted too. The error is
// an AttemptsError.
func (s *Store) CountAttempt(ctx context.Context, name, address string) error {
	// In a statement of its own: a transaction that also counts could wait for another one that waits for it.
	if err := s.sql.Queries.TrimLoginAttempts(ctx); err != nil {
		return fmt.Errorf("remove old attempts to sign in: %w", err)
	}
	var wait time.Duration
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		wait = 0
		for _, limit := range []struct {
			key string
			max int32
		}{{addressKey(address), MaxAddressAttempts}, {accountKey(name), MaxAccountAttempts}} {
			hash := Hash(limit.key)
			row, err := q.CountLoginAttempt(ctx, hash[:], seconds(AttemptWindow))
			if err != nil {
				return fmt.Errorf("count an attempt to sign in: %w", err)
			}
			if row.Attempts > limit.max {
				left := time.Duration(row.SecondsLeft * float64(time.Second))
				// The window of a transaction that began after this one ends after AttemptWindow from here.
				wait = max(wait, min(left.Truncate(time.Second)+time.Second, AttemptWindow))
			}
		}
		return nil
	})
	if err == nil && wait > 0 {
		err = AttemptsError{RetryAfter: wait}
	}
	return err
}

// ForgetAttempts forgets the attempts for an account that has signed in, and the last one from its address.
func (s *Store) ForgetAttempts(ctx context.Context, name, address string) error {
	account, from := Hash(accountKey(name)), Hash(addressKey(address))
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		return errors.Join(q.UncountLoginAttempt(ctx, from[:]), q.ForgetLoginAttempts(ctx, account[:]))
	})
	if err != nil {
		return fmt.Errorf("forget attempts to sign in: %w", err)
	}
	return nil
}

func accountKey(name string) string { return "account\x00" + name }

func addressKey(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "address\x00" + address
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		return "address\x00" + netip.PrefixFrom(ip, 64).Masked().String()
	}
	return "address\x00" + ip.String()
}
