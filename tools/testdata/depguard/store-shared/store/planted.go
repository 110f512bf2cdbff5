// Package planted breaks the rule store-shared of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store/dispatch"
