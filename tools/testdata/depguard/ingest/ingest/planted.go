// Package planted breaks the rule ingest of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store"
