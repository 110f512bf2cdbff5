package serving_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/serving"
)

// A key belongs to the first request of a principal until it has expired.
func TestAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, other := []byte("one"), []byte("other")
	first, answer, err := b.Begin(b.ctx, "token 1", "k", one)
	require.NoError(t, err)
	require.Nil(t, answer)
	_, _, err = b.Begin(b.ctx, "token 1", "k", one)
	require.ErrorIs(t, err, serving.ErrRunning)
	_, _, err = b.Begin(b.ctx, "token 1", "k", other)
	require.ErrorIs(t, err, serving.ErrOtherRequest)
	second, _, err := b.Begin(b.ctx, "token 2", "k", other)
	require.NoError(t, err, "a key of another principal")
	require.NoError(t, second.Drop(b.ctx))
	_, _, err = b.Begin(b.ctx, "token 2", "k", one)
	require.NoError(t, err, "a request that has failed leaves the key free")

	want := serving.Answer{Status: 201, Header: map[string]string{"Location": "/x"}, Body: []byte("{}")}
	require.NoError(t, first.Keep(b.ctx, want))
	require.NoError(t, first.Drop(b.ctx), "what is kept stays")
	_, answer, err = b.Begin(b.ctx, "token 1", "k", one)
	require.NoError(t, err)
	require.Equal(t, &want, answer)
	_, _, err = b.Begin(b.ctx, "token 1", "k", other)
	require.ErrorIs(t, err, serving.ErrOtherRequest)

	b.exec(t, "UPDATE api_answers SET expires_at = now() - interval '1 second'")
	require.NoError(t, b.SweepAnswers(b.ctx))
	again, answer, err := b.Begin(b.ctx, "token 1", "k", other)
	require.NoError(t, err)
	require.Nil(t, answer)
	require.NoError(t, again.Keep(b.ctx, serving.Answer{Status: 200, Body: bytes.Repeat([]byte("x"), serving.MaxAnswer+1)}))
	_, answer, err = b.Begin(b.ctx, "token 1", "k", other)
	require.NoError(t, err)
	require.Equal(t, 200, answer.Status)
	require.Nil(t, answer.Body, "it was too large")
}

// The process that began a request has died: a repetition takes its place, and what the first one says is ignored.
func TestAnswerLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first, _, err := b.Begin(b.ctx, "token 1", "k", []byte("one"))
	require.NoError(t, err)
	b.exec(t, "UPDATE api_answers SET lease_until = now() - interval '1 second'")
	_, _, err = b.Begin(b.ctx, "token 1", "k", []byte("other"))
	require.ErrorIs(t, err, serving.ErrOtherRequest)
	second, _, err := b.Begin(b.ctx, "token 1", "k", []byte("one"))
	require.NoError(t, err)
	require.NoError(t, first.Keep(b.ctx, serving.Answer{Status: 500}))
	require.NoError(t, first.Drop(b.ctx))
	require.NoError(t, second.Keep(b.ctx, serving.Answer{Status: 201, Body: []byte("{}")}))
	_, answer, err := b.Begin(b.ctx, "token 1", "k", []byte("one"))
	require.NoError(t, err)
	require.Equal(t, 201, answer.Status)
}
