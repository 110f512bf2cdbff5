// Package planted breaks the rule layer-kinds of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/workflows"
