// Package planted breaks the rule layer-processes of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/cmd/sluice"
