// Package planted breaks the rule client-syncing of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/starter"
