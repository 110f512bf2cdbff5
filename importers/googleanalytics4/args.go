package googleanalytics4

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// Args are the arguments of an import.
type Args struct {
	// Connection is the name of a connection of kind "google_analytics_4".
	Connection string `json:"connection" arg:"required" usage:"name of a connection of kind google_analytics_4"`
	// Property is the property's resource name, "properties/123"; "123" is accepted.
	Property string `json:"property" arg:"required" usage:"number of the property, as in properties/123"`
	// StartDate and EndDate bound the imported days. They default to the first day with data
	// and to the last day with data before today, in the property's time zone.
	StartDate *calendar.Day `json:"start_date,omitempty" default:"the first day with data" usage:"first day to import"`
	EndDate   *calendar.Day `json:"end_date,omitempty" default:"the last day before today" usage:"last day to import"`
	// Parallelism is the number of concurrent requests of the import, at most
	// MaxConcurrentRequests, the default.
	Parallelism int `json:"parallelism,omitempty" default:"10" usage:"concurrent requests"`
}

// earliest is the first day that the API supports.
const earliest = "2015-08-14"

// maxNumber is the maximum number of digits of a property's number.
const maxNumber = 20

// maxConnection is the length limit of a connection's name, in bytes.
const maxConnection = 200

// Arguments documents Args.
func (*Importer) Arguments() []importers.Argument { return importers.ArgumentsOf(Args{}) }

// ParseArgs validates arguments of type Args.
func (*Importer) ParseArgs(raw json.RawMessage) (json.RawMessage, error) {
	args, err := decode(raw)
	if err != nil {
		return nil, err
	}
	return json.Marshal(args)
}

func decode(raw json.RawMessage) (Args, error) {
	var args Args
	if err := importers.DecodeArgs(raw, &args); err != nil {
		return Args{}, err
	}
	var faults []error
	if args.Connection == "" || len(args.Connection) > maxConnection {
		faults = append(faults, fmt.Errorf(`argument "connection": want the name of a %s connection`, Name))
	}
	property, ok := normalProperty(args.Property)
	if !ok {
		faults = append(faults, errors.New(`argument "property": want a property's number, as in "properties/123"`))
	}
	args.Property = property
	for name, day := range map[string]*calendar.Day{"start_date": args.StartDate, "end_date": args.EndDate} {
		if day != nil && day.String() < earliest {
			faults = append(faults,
				fmt.Errorf("argument %q: want %[2]s or later: Google Analytics 4 has no earlier data", name, earliest))
		}
	}
	if args.StartDate != nil && args.EndDate != nil && *args.EndDate < *args.StartDate {
		faults = append(faults, errors.New(`argument "end_date": want a day not before "start_date"`))
	}
	if args.Parallelism < 0 || args.Parallelism > MaxConcurrentRequests {
		faults = append(faults, fmt.Errorf(`argument "parallelism": want 1 to %d`, MaxConcurrentRequests))
	}
	if err := errors.Join(faults...); err != nil {
		return Args{}, err
	}
	return args, nil
}

// normalProperty returns the resource name of a property.
func normalProperty(given string) (string, bool) {
	number := strings.TrimPrefix(given, "properties/")
	if number == "" || len(number) > maxNumber || strings.Trim(number, "0123456789") != "" {
		return "", false
	}
	return "properties/" + number, true
}

// decodeStored decodes the result of ParseArgs.
func decodeStored(raw json.RawMessage) (Args, error) {
	args, err := decode(raw)
	if err != nil {
		return Args{}, importers.Permanent(importers.ClassInternal, fmt.Errorf("stored arguments: %w", err))
	}
	return args, nil
}
