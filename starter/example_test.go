package starter_test

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/starter"
)

// A timing reports all its faults at once, before a schedule is created.
func ExampleTiming_Validate() {
	fmt.Println(starter.Timing{Cron: "0 3 * * mon", TimeZone: "Europe/Berlin"}.Validate())
	fmt.Println(starter.Timing{Every: time.Second, TimeZone: "Berlin"}.Validate())

	// Output:
	// <nil>
	// an interval of 1s: want whole seconds, at least 1m0s
	// time zone "Berlin": want an IANA name such as UTC or Europe/Berlin
}

// A timing reads the same in lists, logs and errors.
func ExampleTiming_String() {
	fmt.Println(starter.Timing{Cron: "0 3 1-7 * mon", TimeZone: "Europe/Berlin"})
	fmt.Println(starter.Timing{Every: 6 * time.Hour})

	// Output:
	// cron 0 3 1-7 * mon
	// every 6h0m0s
}
