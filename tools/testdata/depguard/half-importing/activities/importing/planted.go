// Package planted breaks the rule half-importing of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/activities/delivery"
