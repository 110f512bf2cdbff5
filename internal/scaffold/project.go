package scaffold

import (
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Project is a program to generate: a Go module with a main package, an importer, a destination,
// mail templates, a Makefile and tests.
type Project struct {
	// Module is the path of the module. Its last element is the name of the program.
	// Required.
	Module string
	// Replace is the absolute path of a checkout of Sluice to build the module with. Defaults to
	// none: the module uses the latest release.
	Replace string
}

// sluiceModule is the path of Sluice's own module.
const sluiceModule = "github.com/sluicehq/sluice"

// validBinary matches names that a Makefile and a shell accept without quotes.
var validBinary = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Validate reports every fault. It reads the checkout.
func (p Project) Validate() error {
	faults := []error{validateModule(p.Module)}
	switch {
	case p.Module == "":
		faults = append(faults, errors.New("module path is missing: want one such as example.com/team/mine"))
	case p.Module == sluiceModule || strings.HasPrefix(p.Module, sluiceModule+"/"):
		faults = append(faults, fmt.Errorf("%q is Sluice's own module: want another, such as example.com/team/mine",
			p.Module))
	case !validBinary.MatchString(p.Binary()):
		faults = append(faults, fmt.Errorf(
			"%q cannot be the name of a program: want letters, digits, dots, dashes and underscores", p.Binary()))
	}
	if p.Replace != "" {
		faults = append(faults, validateCheckout(p.Replace))
	}
	return errors.Join(faults...)
}

// validateCheckout rejects a folder that is not a checkout of Sluice. Its path is written to go.mod
// and a Makefile.
func validateCheckout(dir string) error {
	if !filepath.IsAbs(dir) || strings.ContainsAny(dir, " \t\r\n\"'`$#:\\") {
		return fmt.Errorf("checkout %q: want an absolute path without blanks and special characters", dir)
	}
	text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
	if err != nil {
		return fmt.Errorf("checkout %s: %w", dir, err)
	}
	if !strings.HasPrefix(string(text), "module "+sluiceModule+"\n") {
		return fmt.Errorf("checkout %s: its go.mod is not that of module %s", dir, sluiceModule)
	}
	return nil
}

// Binary is the name of the program.
func (p Project) Binary() string { return path.Base(p.Module) }

// Folder is the default folder of the project.
func (p Project) Folder() string { return p.Binary() }

// Importer is the importer of the project.
func (p Project) Importer() Importer {
	i := Importer{Name: "daily_totals"}
	i.Module = p.Module + "/" + i.Package()
	return i
}

// Destination is the destination of the project.
func (p Project) Destination() Destination {
	d := Destination{Name: "shop_crm"}
	d.Module = p.Module + "/" + d.Package()
	return d
}

// Files returns the files of the project.
func (p Project) Files() ([]File, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	files, err := render("project", p.Binary(), p)
	if err != nil {
		return nil, err
	}
	for i, f := range files {
		// The folder of the mail templates is named after the importer.
		if folder, name := path.Split(f.Path); folder == "mails/" && path.Ext(name) == suffix {
			files[i].Path = folder + p.Importer().Name + "_import/" + name
		}
	}
	parts := map[string]interface{ Files() ([]File, error) }{
		p.Importer().Package(): p.Importer(), p.Destination().Package(): p.Destination(),
	}
	for folder, part := range parts {
		own, err := part.Files()
		if err != nil {
			return nil, err
		}
		for _, f := range own {
			// The project has a single go.mod and README.
			if f.Path != "go.mod" && f.Path != "README.md" {
				files = append(files, File{Path: folder + "/" + f.Path, Content: f.Content})
			}
		}
	}
	files = append(files, p.goMod(), File{Path: ".gitignore", Content: []byte("/bin/\n")})
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// goMod names a version of Sluice only if a checkout replaces it: otherwise `go mod tidy` adds the
// latest.
func (p Project) goMod() File {
	f := goMod(p.Module)
	if p.Replace != "" {
		f.Content = fmt.Appendf(f.Content, "\nrequire %s v0.0.0\n\nreplace %s => %s\n", sluiceModule, sluiceModule, p.Replace)
	}
	return f
}
