//go:build assets

package pages

import _ "embed"

//go:embed npm/node_modules/htmx.org/dist/htmx.min.js
var htmx []byte

//go:embed npm/node_modules/htmx-ext-sse/dist/sse.min.js
var htmxSSE []byte

// scripts are the scripts of npm/package-lock.json, by name.
var scripts = map[string][]byte{"htmx.js": htmx, "htmx-sse.js": htmxSSE}
