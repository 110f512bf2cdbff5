// Package planted breaks the rule store-delivery of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store/importing"
