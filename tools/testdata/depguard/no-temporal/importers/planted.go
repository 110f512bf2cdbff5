// Package planted breaks the rule no-temporal of .golangci.yml.
package planted

import _ "go.temporal.io/sdk/workflow"
