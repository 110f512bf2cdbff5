package app_test

import (
	"context"
	"fmt"
	"os"

	"github.com/sluicehq/sluice/app"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
)

// orders is an importer; it does what noop does.
type orders struct{ *noop.Importer }

func (orders) Name() string { return "orders" }

// crm is a destination; it does what log does.
type crm struct{ destinations.Destination }

func (crm) Name() string { return "crm" }

// A main that adds an importer and a destination.
func Example() {
	// func main() {
	app.Main(
		app.Importer(orders{noop.New()}),
		app.Destination(crm{log.New()}),
	)
	// }
}

// A program runs any command line, here one with a mistake. Its messages name the added
// importer.
func ExampleApp_Run() {
	program, err := app.New(app.Importer(orders{noop.New()}))
	if err != nil {
		fmt.Println(err)
		return
	}
	args := []string{"import", "start", "--site", "example.com"}
	code := program.Run(context.Background(), args, app.Streams{Out: os.Stdout, Err: os.Stdout})
	fmt.Println("exit code", code)
	// Output:
	// sluice: source is missing: want `sluice import start SOURCE`, where SOURCE is one of csv, google_analytics_4, noop, orders
	// exit code 2
}

// Two components of one sort cannot have the same name.
func ExampleNew_taken() {
	_, err := app.New(app.Importer(noop.New()))
	fmt.Println(err)
	// Output:
	// build the program: register importer (*noop.Importer): "noop" is registered twice
}

// An importer that reads files only below the folders that the settings allow.
func ExampleConfigured() {
	_, err := app.New(app.Configured(func(settings config.Config) []app.Option {
		return []app.Option{app.Importer(newFiles(settings.CSV.Folders()))}
	}))
	fmt.Println(err)
	// Output:
	// <nil>
}

// newFiles returns an importer that may read the folders.
func newFiles(_ []string) importers.Importer { return files{noop.New()} }

type files struct{ *noop.Importer }

func (files) Name() string { return "files" }
