package writer

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// trimming is a log and its checkpoints, as far as they are needed to trim.
type trimming struct {
	Log
	Checkpoints
	sharing []int
	needed  uint64
	err     error
	// trimmed are the sequences up to which the log was trimmed.
	trimmed []uint64
}

func (f *trimming) Sharing(int) []int { return f.sharing }

func (f *trimming) Needed(_ context.Context, partitions []int) (uint64, error) {
	if len(partitions) != len(f.sharing) {
		return 0, errors.New("other partitions")
	}
	return f.needed, f.err
}

func (f *trimming) Trim(_ context.Context, _ int, upTo uint64) (bool, error) {
	f.trimmed = append(f.trimmed, upTo)
	return true, nil
}

// A stream is trimmed up to what the slowest of its partitions needs.
func TestTrim(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	for name, tc := range map[string]struct {
		fake trimming
		want []uint64
		err  error
	}{
		"a stream of its own":     {trimming{sharing: []int{2}, err: fault}, []uint64{50}, nil},
		"the others are further":  {trimming{sharing: []int{0, 2}, needed: 90}, []uint64{50}, nil},
		"another is slower":       {trimming{sharing: []int{0, 2}, needed: 20}, []uint64{19}, nil},
		"another has no snapshot": {trimming{sharing: []int{0, 2}, needed: 0}, nil, nil},
		"another is at the start": {trimming{sharing: []int{0, 2}, needed: 1}, nil, nil},
		"not known":               {trimming{sharing: []int{0, 2}, needed: 90, err: fault}, nil, fault},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fake := tc.fake
			r := &run{Writer: &Writer{cfg: Config{Log: &fake, Checkpoints: &fake}}, partition: 2}
			trimmed, err := r.trim(t.Context(), 50)
			require.ErrorIs(t, err, tc.err)
			require.Equal(t, tc.want, fake.trimmed)
			require.Equal(t, tc.want != nil, trimmed)
		})
	}
}
