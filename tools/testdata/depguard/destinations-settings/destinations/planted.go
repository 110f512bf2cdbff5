// Package planted breaks the rule destinations-settings of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/config"
