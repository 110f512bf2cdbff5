// Package planted breaks the rule workflow-code of .golangci.yml.
package planted

import _ "net/http"
