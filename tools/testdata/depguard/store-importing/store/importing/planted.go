// Package planted breaks the rule store-importing of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store/delivery"
