// Package planted breaks the rule layer-workflows of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/worker"
