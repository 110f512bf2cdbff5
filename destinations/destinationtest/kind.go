package destinationtest

import "github.com/sluicehq/sluice/connections"

// Described is what a kind of connections says about itself, as people are shown it: "NAME: LABEL", then a line for
// each setting, such as "url: string, required" and "port: integer, 5432 by default", and for each secret.
func Described(kind connections.Kind) []string {
	lines := []string{kind.Name() + ": " + kind.Label()}
	if described, ok := kind.(connections.SettingsDescriber); ok {
		for _, s := range described.Settings() {
			line := s.Name + ": " + s.Type
			if s.Required {
				line += ", required"
			}
			if s.Default != "" {
				line += ", " + s.Default + " by default"
			}
			lines = append(lines, line)
		}
	}
	for _, s := range kind.Secrets() {
		line := s.Name + ": secret"
		if s.Required {
			line += ", required"
		}
		lines = append(lines, line)
	}
	return lines
}
