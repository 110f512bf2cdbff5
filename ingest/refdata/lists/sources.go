package lists

import (
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/sluicehq/sluice/ingest/refdata/sources"
)

// maxYAML is the size of a list of sources in bytes.
const maxYAML = 4 << 20

// ParseSocials reads Matomo's lists of social networks and of AI assistants: a list of
// hosts for each name. All sources get the category.
func ParseSocials(content []byte, category sources.Category) ([]sources.Source, error) {
	var file map[string][]string
	if err := unmarshal(content, &file); err != nil {
		return nil, err
	}
	list := make([]sources.Source, 0, len(file))
	for name, hosts := range file {
		list = append(list, source(name, category, hosts))
	}
	return ordered(list)
}

// ParseSearchEngines reads Matomo's list of search engines.
func ParseSearchEngines(content []byte) ([]sources.Source, error) {
	var file map[string][]struct {
		URLs []string `yaml:"urls"`
	}
	if err := unmarshal(content, &file); err != nil {
		return nil, err
	}
	list := make([]sources.Source, 0, len(file))
	for name, groups := range file {
		var hosts []string
		for _, group := range groups {
			hosts = append(hosts, group.URLs...)
		}
		list = append(list, source(name, sources.CategorySearch, hosts))
	}
	return ordered(list)
}

func unmarshal(content []byte, into any) error {
	if len(content) > maxYAML {
		return fmt.Errorf("read the list of sources: it has %d bytes, want at most %d", len(content), maxYAML)
	}
	if err := yaml.Unmarshal(content, into); err != nil {
		return fmt.Errorf("read the list of sources: %w", err)
	}
	return nil
}

// ordered sorts sources by name, so that of two with one host the same wins each time.
func ordered(list []sources.Source) ([]sources.Source, error) {
	if len(list) == 0 {
		return nil, fmt.Errorf("read the list of sources: it is empty")
	}
	slices.SortFunc(list, func(a, b sources.Source) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// source returns a source with the hosts of Matomo's notation: "google.{}" is a name below
// any country's suffix, "{}.google.com" one of a country's subdomains. Paths are left out.
func source(name string, category sources.Category, hosts []string) sources.Source {
	s := sources.Source{Name: name, Category: category}
	for _, host := range hosts {
		host = strings.TrimPrefix(strings.TrimPrefix(host, "{}."), "www.")
		if brand, ok := strings.CutSuffix(host, ".{}"); ok {
			// Only the name itself can be below any suffix.
			if strings.Contains(brand, ".") {
				continue
			}
			host = brand + ".*"
		}
		if strings.Contains(host, "/") || strings.Contains(host, "{") {
			continue
		}
		s.Hosts = append(s.Hosts, host)
	}
	return s
}
