// Package planted breaks the rule half-syncing of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/workflows/importing"
