package importers_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/importers"
)

// feedArgs are the arguments of an importer that reads a feed.
type feedArgs struct {
	URL   string `json:"url" required:"true" arg:"required" usage:"address of the feed"`
	Limit int    `json:"limit" default:"100" usage:"largest number of entries"`
}

// DecodeArgs is the first step of ParseArgs: it refuses what the struct does not name.
func ExampleDecodeArgs() {
	var args feedArgs
	fmt.Println(importers.DecodeArgs(json.RawMessage(`{"url": "https://example.com/feed"}`), &args), args.URL)
	fmt.Println(importers.DecodeArgs(json.RawMessage(`{"url": "https://example.com/feed", "max": 5}`), &args))
	fmt.Println(importers.DecodeArgs(json.RawMessage(`{"limit": 5}`), &args))
	// Output:
	// <nil> https://example.com/feed
	// unknown argument "max": the arguments are url, limit
	// argument "url" is required
}

// The tags that DecodeArgs reads also document the arguments on the command line.
func ExampleArgumentsOf() {
	for _, a := range importers.ArgumentsOf(feedArgs{}) {
		fmt.Printf("%s (%s, required %t, default %q): %s\n", a.Name, a.Type, a.Required, a.Default, a.Usage)
	}
	// Output:
	// url (string, required true, default ""): address of the feed
	// limit (integer, required false, default "100"): largest number of entries
}

// A permanent error ends the import at once; its class says who can fix it.
func ExamplePermanent() {
	err := importers.Permanent(importers.ClassAccess, errors.New("the feed's password was refused"))
	class, permanent := importers.ClassOf(fmt.Errorf("open feed: %w", err))
	fmt.Println(class, permanent)

	_, permanent = importers.ClassOf(errors.New("connection reset by peer"))
	fmt.Println(permanent)
	// Output:
	// access_denied true
	// false
}

// A source that announces when it may be asked again sets the delay of the next attempt.
func ExampleRetryAfter() {
	err := importers.RetryAfter(90*time.Second, errors.New("the feed answered 429"))
	var later *importers.RetryAfterError
	if errors.As(err, &later) {
		fmt.Println(later.After, later)
	}
	// Output:
	// 1m30s the feed answered 429
}
