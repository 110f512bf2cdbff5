// Package planted breaks the rule half-delivery of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/workflows/importing"
