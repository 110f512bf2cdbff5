// Package planted breaks the rule half-shared of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/workflows/importing"
