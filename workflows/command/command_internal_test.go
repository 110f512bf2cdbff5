package command

import (
	"testing"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/sluicehq/sluice/internal/inbound"
)

// Commands with fields of each kind.
type (
	withPart struct {
		Command
		Part int32 `json:"part" required:"true"`
	}
	withRate struct {
		Command
		Rate float64 `json:"rate" required:"true"`
	}
	withText struct {
		Command
		Text *string `json:"text,omitempty"`
	}
)

// FuzzCommand: whatever the payload of a command, decoding does not panic, and what is taken
// is within the limits.
func FuzzCommand(f *testing.F) {
	for _, seed := range []string{
		`{"part": 1, "reason": "x"}`, `{"prat": 2}`, `null`, `{"rate": 1e-300}`, `{"by": "<<<", "key": "k"}`,
		`{"rate": 1} x`, `{"text": "accepted", "by": "ann\u0000"}`, `{"part": 1, "part": 2}`, `{"text": "@daily"}`,
	} {
		f.Add("json/plain", []byte(seed))
	}
	f.Add("binary/null", []byte(nil))
	f.Add("json/protobuf", []byte(`{}`))
	f.Fuzz(func(t *testing.T, encoding string, data []byte) {
		argument := converter.NewRawValue(&commonpb.Payload{
			Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encoding)}, Data: data,
		})
		requireBounded[withPart](t, argument)
		requireBounded[withRate](t, argument)
		requireBounded[withText](t, argument)
		requireBounded[Pause](t, argument)
	})
}

func requireBounded[T any, P Argument[T]](t *testing.T, argument converter.RawValue) {
	t.Helper()
	got, err := Decode[T, P](argument)
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
}
