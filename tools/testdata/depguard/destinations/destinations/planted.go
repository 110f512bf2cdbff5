// Package planted breaks the rule destinations of .golangci.yml.
package planted

import _ "github.com/sluicehq/sluice/store"
