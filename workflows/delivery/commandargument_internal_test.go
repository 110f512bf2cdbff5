package delivery

import (
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/sluicehq/sluice/workflows/command"
)

// FuzzActionCommand: whatever the payload of a command to an action, what is taken is within the
// limits, and errors are short.
func FuzzActionCommand(f *testing.F) {
	for _, seed := range []string{
		`{"jobs_per_second": 1e-300}`, `{"jobs_per_second": 1}`, `{"batches": 1, "batches": 2}`, `{"batches": 3}`, `{"interval": "@daily"}`,
		`{"realtime": true, "time_zone": "UTC"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		argument := converter.NewRawValue(&commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)}, Data: data,
		})
		requireChecked(t, argument, canSetConcurrency)
		requireChecked(t, argument, canSetSchedule)
		requireChecked(t, argument, func(o SetJobRate) error {
			err := canSetJobRate(o)
			if err == nil && o.JobsPerSecond != 0 && !(o.JobsPerSecond >= MinJobsPerSecond) {
				t.Fatalf("the rate %g was taken", o.JobsPerSecond)
			}
			return err
		})
	})
}

func requireChecked[T any, P command.Argument[T]](t *testing.T, argument converter.RawValue, check func(T) error) {
	t.Helper()
	got, err := command.Decode[T, P](argument)
	if err == nil {
		err = check(got)
	}
	if err != nil && len(err.Error()) > 2000 {
		t.Fatalf("an error of %d bytes: %.200s", len(err.Error()), err)
	}
}
