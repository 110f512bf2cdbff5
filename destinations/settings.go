package destinations

// Settings are what people have set for a destination or one of its actions. They override what
// the program says; nil fields do not.
type Settings struct {
	// Paused says that the destination or action is paused.
	Paused bool
	// Realtime, Interval and TimeZone override those of the Schedule, MaxRetries its number of
	// retries.
	Realtime   *bool
	Interval   *string
	TimeZone   *string
	MaxRetries *int32
	// Concurrency, BatchSize and Rate override Concurrency, BatchSize and RatePerSecond of the
	// Options.
	Concurrency *int32
	BatchSize   *int32
	Rate        *float64
}
