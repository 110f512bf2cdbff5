// Package planted breaks the rule config of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store"
