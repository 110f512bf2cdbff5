package browsertest

import (
	_ "embed" // names.txt
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// names are the names of browsers on PATH, which tools/browser.sh reads too.
//
//go:embed names.txt
var names string

// Path returns the program of the browser: that of the variable CHROMIUM, otherwise the first of names.txt on PATH.
func Path() (string, error) {
	if named := os.Getenv("CHROMIUM"); named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("find the browser that CHROMIUM names: %w", err)
		}
		return path, nil
	}
	known := strings.Fields(names)
	for _, name := range known {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("no browser found: want CHROMIUM, or one of %s on PATH; `make browser` installs Debian's",
		strings.Join(known, ", "))
}
