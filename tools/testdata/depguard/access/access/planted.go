// Package planted breaks the rule access of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store"
