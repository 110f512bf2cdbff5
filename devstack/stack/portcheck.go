package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/sluicehq/sluice/internal/delay"
)

// PortsError lists every address that is taken.
type PortsError struct {
	// Taken holds one entry per address.
	Taken []TakenPort
}

// TakenPort is an address on which something listens already.
type TakenPort struct {
	// Name is what would listen there, such as "PostgreSQL".
	Name string
	// Address is host:port.
	Address string
	// Flag changes the address, such as "--postgres-address".
	Flag string
	// Holder describes the program that listens, "" if unknown.
	Holder string
	// Cause is the system's error.
	Cause error
}

// Error is a table: what is taken, the flag to avoid it, and by whom.
func (e *PortsError) Error() string {
	var b strings.Builder
	if len(e.Taken) == 1 {
		b.WriteString("an address is taken, so nothing was started; ")
		b.WriteString("choose another with the flag, or stop what is there:\n")
	} else {
		fmt.Fprintf(&b, "%d addresses are taken, so nothing was started; ", len(e.Taken))
		b.WriteString("choose others with the flags, or stop what is there:\n")
	}
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	rows := make([]string, 0, len(e.Taken))
	for _, t := range e.Taken {
		rows = append(rows, fmt.Sprintf("  %s\t%s\t%s\t%s\n", t.Name, t.Address, t.Flag, t.reason()))
	}
	_, err := io.WriteString(w, strings.Join(rows, ""))
	if err = errors.Join(err, w.Flush()); err != nil { // a builder never fails
		return fmt.Sprintf("addresses are taken: %v", e.Taken)
	}
	return strings.TrimRight(b.String(), "\n")
}

// reason describes the process that has the port, or the error.
func (t TakenPort) reason() string {
	switch {
	case t.Holder != "":
		return "in use by " + t.Holder
	case errors.Is(t.Cause, syscall.EADDRINUSE):
		return "in use by a process that is not visible to you"
	}
	return t.Cause.Error() // such as a permission that is missing
}

// portGrace is how long a taken port may take to become free. The engines of a
// stack that was killed a moment ago need some milliseconds to follow it.
const portGrace = 2 * time.Second

// checkPorts returns a [*PortsError] when an address cannot be listened on.
func checkPorts(ctx context.Context, endpoints []endpoint) error {
	giveUp := time.Now().Add(portGrace)
	for range delay.Rounds(ctx, 100*time.Millisecond) {
		taken := takenPorts(endpoints)
		if len(taken) == 0 {
			return nil
		}
		if time.Now().After(giveUp) {
			for i := range taken {
				taken[i].Holder = holder(taken[i].Address)
			}
			return &PortsError{Taken: taken}
		}
	}
	return fmt.Errorf("check ports: %w", context.Cause(ctx))
}

func takenPorts(endpoints []endpoint) []TakenPort {
	var taken []TakenPort
	for _, e := range endpoints {
		if err := ports.Check(e.address); err != nil {
			taken = append(taken, TakenPort{Name: e.name, Address: e.address, Flag: e.flag, Cause: err})
		}
	}
	return taken
}

func holder(address string) string {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return ""
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return ""
	}
	return ports.Holder(n)
}
