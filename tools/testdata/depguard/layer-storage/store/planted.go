// Package planted breaks the rule layer-storage of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/activities"
