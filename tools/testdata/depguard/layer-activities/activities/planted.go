// Package planted breaks the rule layer-activities of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/starter"
