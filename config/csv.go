package config

import (
	"path/filepath"
	"slices"
)

// CSV configures the importer csv.
type CSV struct {
	// Roots are the folders below which files may be imported, absolute paths separated by ":"
	// (";" on Windows). "/" allows every file that the worker can read. Defaults to none,
	// which allows no import.
	Roots string `yaml:"roots"`
}

// Folders returns the folders of Roots. Without Roots it returns an empty list, not nil.
func (c CSV) Folders() []string {
	return slices.DeleteFunc(filepath.SplitList(c.Roots), func(folder string) bool { return folder == "" })
}

func (c CSV) validate(check func(ok bool, format string, args ...any)) {
	for _, folder := range c.Folders() {
		check(filepath.IsAbs(folder), "csv.roots has %q: want absolute paths of folders", folder)
	}
}

// FileFolders returns the folders below which importers read files: those of csv.roots and, if there is one, that of
// the uploads.
func (c Config) FileFolders() []string {
	folders := c.CSV.Folders()
	if c.Server.UploadDir != "" {
		folders = append(folders, c.Server.UploadDir)
	}
	return folders
}
