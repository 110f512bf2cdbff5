package importertest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
)

// checkSecrets: the output of the importer contains no secret, whether it succeeds or fails.
func checkSecrets(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	for _, text := range append(b.saidWell(tb), b.saidBadly(tb, cfg)...) {
		for _, secret := range cfg.Secrets {
			// require.NotContains would repeat the secret in the failure.
			if strings.Contains(text, secret) {
				require.FailNow(tb, "a secret is disclosed", "%q", strings.ReplaceAll(text, secret, "[secret]"))
			}
		}
	}
}

// saidWell returns the stored and logged texts of a successful import.
func (b *bench) saidWell(tb testing.TB) []string {
	tb.Helper()
	said := []string{string(b.imp.Args)}
	for _, part := range b.plan.Parts {
		said = append(said, part.Label, string(part.Args))
		for _, c := range b.read(tb, part, "") {
			said = append(said, string(c.Next))
			for _, r := range c.Rejects {
				said = append(said, r.Reason, r.File, r.Column)
			}
		}
	}
	if f, ok := b.Importer.(importers.Finalizer); ok {
		require.NoError(tb, f.Finalize(tb.Context(), b.imp, importers.Result{}))
	}
	require.NoError(tb, b.OnSuccess(tb.Context(), b.imp, importers.Result{}))
	return append(said, b.lines.Lines()...)
}

// saidBadly returns the errors of failing calls.
func (b *bench) saidBadly(tb testing.TB, cfg Config) []string {
	tb.Helper()
	var said []string
	note := func(err error) {
		if err != nil {
			said = append(said, err.Error())
		}
	}
	for _, bad := range cfg.BadArgs {
		_, err := b.ParseArgs(bad)
		note(err)
	}
	for _, secret := range cfg.Secrets {
		_, err := b.ParseArgs(withArg(tb, nil, unknownArg, secret))
		note(err)
	}
	_, err := b.Plan(cancelled(tb), b.imp)
	note(err)
	part := b.plan.Parts[0]
	_, err = ReadPart(cancelled(tb), b.Importer, b.imp, part, "")
	note(err)
	_, err = ReadPart(tb.Context(), b.Importer, b.imp, part, "importertest: no such cursor")
	note(err)
	part.Args = json.RawMessage(`{"importertest": `)
	_, err = ReadPart(tb.Context(), b.Importer, b.imp, part, "")
	note(err)
	return said
}
