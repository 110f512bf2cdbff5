// Package planted breaks the rule importers-ingest of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/ingest/eventapi"
