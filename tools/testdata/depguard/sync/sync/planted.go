// Package planted breaks the rule sync of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store"
