//go:build ignore

// Gen writes subdivisions.tsv from two files of Unicode CLDR's JSON edition: the English names of
// cldr-subdivisions-full and the containment of cldr-core, both of version 48.2.0. CLDR keeps the
// names of codes that ISO 3166-2 has since reassigned, as in Iran (2020) and Morocco (2018), has
// some truncated names, and lacks a few, such as Inner Mongolia; corrections.tsv has the current
// ones.
//
//	go run gen.go subdivisions/en/en.json supplemental/subdivisionContainment.json
package main

import (
	"encoding/json"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
)

func main() {
	var names struct {
		Subdivisions struct {
			LocaleDisplayNames struct{ Subdivisions map[string]string }
		}
	}
	var tree struct {
		Supplemental struct {
			SubdivisionContainment map[string]struct {
				Contains []string `json:"_contains"`
			}
		}
	}
	read(os.Args[1], &names)
	read(os.Args[2], &tree)
	english := names.Subdivisions.LocaleDisplayNames.Subdivisions
	for _, line := range strings.Split(strings.TrimSpace(text("corrections.tsv")), "\n") {
		f := strings.Split(line, "\t")
		english[strings.ToLower(f[0]+f[1])] = f[2]
	}
	var lines []string
	for parent, node := range tree.Supplemental.SubdivisionContainment {
		level := 2
		if len(parent) == 2 && parent == strings.ToUpper(parent) {
			level = 1
		}
		for _, id := range node.Contains {
			// A territory inside another (Guernsey in GB) has an ISO 3166-1 code of its own.
			if name := english[id]; name != "" && id == strings.ToLower(id) {
				code := strings.ToUpper(id)
				lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%s\n", code[:2], code[2:], level, name))
			}
		}
	}
	slices.Sort(lines)
	if err := os.WriteFile("subdivisions.tsv", []byte(strings.Join(lines, "")), 0o644); err != nil {
		log.Fatal(err)
	}
}

func text(path string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	return string(raw)
}

func read(path string, into any) {
	if err := json.Unmarshal([]byte(text(path)), into); err != nil {
		log.Fatal(err)
	}
}
