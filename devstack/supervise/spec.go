package supervise

import (
	"cmp"
	"context"
	"errors"
	"os"
	"syscall"
	"time"
)

// Spec describes one child. Name and Path are required.
type Spec struct {
	// Name is the prefix of its lines and the name of its log file.
	Name string
	// Path is the program.
	Path string
	// Args are its arguments, without the program's name.
	Args []string
	// Env is its whole environment. Defaults to the parent's.
	Env []string
	// Dir is its working folder. Defaults to the parent's.
	Dir string

	// Ready probes the child; nil error means that it serves. It is called
	// repeatedly, never concurrently with itself, each time with a context of
	// ProbeTimeout. Nil means that a started child counts as ready.
	Ready func(ctx context.Context) error
	// ReadyTimeout bounds one start: a child that is not ready by then is
	// killed and started again. Defaults to 60s.
	ReadyTimeout time.Duration
	// ProbeInterval is the pause between probes before the child is ready.
	// Defaults to 50ms.
	ProbeInterval time.Duration
	// HealthInterval is the pause between probes afterwards. Defaults to 5s.
	HealthInterval time.Duration
	// ProbeTimeout bounds one probe. Defaults to 5s.
	ProbeTimeout time.Duration
	// UnhealthyAfter is how long every probe of a ready child must have failed
	// before it is killed and started again. It is generous, since an engine
	// that is busy or being debugged is not dead. Defaults to 60s.
	UnhealthyAfter time.Duration

	// StopSignal asks the child to end. Defaults to SIGTERM.
	StopSignal os.Signal
	// StopTimeout is the time to end before the process group receives SIGKILL. Defaults to 10s.
	StopTimeout time.Duration

	// MaxStartFailures is how many starts in a row may fail before a child
	// that was never ready is given up. A child that was ready once is
	// restarted for ever. Defaults to 5.
	MaxStartFailures int
	// MinBackoff and MaxBackoff bound the pause before a restart. It doubles
	// with every failure, has up to 20 % of jitter and starts again after the
	// child has been ready for HealthyAfter. Default to 100ms and 30s.
	MinBackoff, MaxBackoff time.Duration
	// HealthyAfter is how long a child must have been ready for its earlier
	// failures to be forgotten. Defaults to 60s.
	HealthyAfter time.Duration
}

// Validate reports every fault at once.
func (s Spec) Validate() error {
	var errs []error
	if s.Name == "" {
		errs = append(errs, errors.New("name is missing"))
	}
	if s.Path == "" {
		errs = append(errs, errors.New("path of the program is missing"))
	}
	if s.MaxStartFailures < 0 {
		errs = append(errs, errors.New("max start failures is negative"))
	}
	if s.MinBackoff > s.MaxBackoff && s.MaxBackoff != 0 {
		errs = append(errs, errors.New("min backoff is above max backoff"))
	}
	return errors.Join(errs...)
}

// withDefaults returns s with its zero fields filled in.
func (s Spec) withDefaults() Spec {
	set := func(d *time.Duration, v time.Duration) {
		*d = cmp.Or(*d, v)
	}
	set(&s.ReadyTimeout, time.Minute)
	set(&s.ProbeInterval, 50*time.Millisecond)
	set(&s.HealthInterval, 5*time.Second)
	set(&s.ProbeTimeout, 5*time.Second)
	set(&s.UnhealthyAfter, time.Minute)
	set(&s.StopTimeout, 10*time.Second)
	set(&s.MinBackoff, 100*time.Millisecond)
	set(&s.MaxBackoff, max(30*time.Second, s.MinBackoff))
	set(&s.HealthyAfter, time.Minute)
	if s.StopSignal == nil {
		s.StopSignal = syscall.SIGTERM
	}
	s.MaxStartFailures = cmp.Or(s.MaxStartFailures, 5)
	if s.Env == nil {
		s.Env = os.Environ()
	}
	return s
}
