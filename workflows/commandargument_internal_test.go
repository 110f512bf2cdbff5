package workflows

import (
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/sluicehq/sluice/internal/inbound"
)

// FuzzCommand: whatever the payload of a command, decoding does not panic, and what is taken
// is within the limits.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		`{"part": 1, "reason": "x"}`, `{"prat": 2}`, `null`, `{"jobs_per_second": 1e-300}`, `{"by": "<<<", "key": "k"}`,
		`{"rows_per_second": 1} x`, `{"verdict": "accepted", "by": "ann\u0000"}`, `{"batches": 1, "batches": 2}`, `{"interval": "@daily"}`,
	} {
		f.Add("json/plain", []byte(seed))
	}
	f.Add("binary/null", []byte(nil))
	f.Add("json/protobuf", []byte(`{}`))
	f.Fuzz(func(t *testing.T, encoding string, data []byte) {
		argument := converter.NewRawValue(&commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: data,
		})
		requireBounded(t, argument, func(o *SkipPart) error { return nil })
		requireBounded(t, argument, func(o *SetRate) error { return nil })
		requireBounded(t, argument, func(o *Decide) error { return nil })
		requireBounded(t, argument, func(o *Pause) error { return nil })
		requireBounded(t, argument, func(o *SetJobRate) error { return canSetJobRate(*o) })
		requireBounded(t, argument, func(o *SetConcurrency) error { return canSetConcurrency(*o) })
		requireBounded(t, argument, func(o *SetSchedule) error { return canSetSchedule(*o) })
	})
}

func requireBounded[T any, P commandArgument[T]](t *testing.T, argument converter.RawValue, check func(P) error) {
	t.Helper()
	got, err := decodeCommand[T, P](argument)
	if err == nil {
		err = check(&got)
	}
	if err != nil {
		if len(err.Error()) > 2000 {
			t.Fatalf("an error of %d bytes: %.200s", len(err.Error()), err)
		}
		return
	}
	o := P(&got).command()
	for _, text := range []string{o.By, o.Key, o.Reason, o.Run} {
		if inbound.EncodedSize(text) > inbound.MaxReason || inbound.Clean(text) != text {
			t.Fatalf("%q was taken", text)
		}
	}
	if rate, ok := any(got).(SetJobRate); ok && rate.JobsPerSecond != 0 && !(rate.JobsPerSecond >= MinJobsPerSecond) {
		t.Fatalf("the rate %g was taken", rate.JobsPerSecond)
	}
}
