// Package planted breaks the rule client-importing of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/starter/delivery"
