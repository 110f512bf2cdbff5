// Package planted breaks the rule leaves of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store"
