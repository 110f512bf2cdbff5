package dispatch_test

import (
	"testing"

	"github.com/sluicehq/sluice/activities/importtest"
	"github.com/sluicehq/sluice/importers"
)

// bundle is all activities on databases of the test's own.
type bundle struct{ *importtest.Bundle }

// setup returns a bundle with a site and the noop importer, unless the test brings one of its own
// by that name.
func setup(t *testing.T, importer ...importers.Importer) *bundle {
	t.Helper()
	return &bundle{importtest.Setup(t, importer...)}
}
