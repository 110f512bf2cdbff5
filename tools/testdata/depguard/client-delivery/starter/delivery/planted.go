// Package planted breaks the rule client-delivery of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/workflows/importing"
