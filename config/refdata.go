package config

import "path/filepath"

// Refdata configures the reference data of the ingestion.
type Refdata struct {
	// Folder holds the files. Defaults to the embedded stack's. Without files there are the built-in data alone.
	Folder string `yaml:"folder"`
}

// EmbeddedRefdata is the name of the embedded stack's folder of reference data in its data folder.
const EmbeddedRefdata = "refdata"

// Dir returns the folder of reference data: the setting, or the embedded stack's folder, or "" without a home
// directory.
func (r Refdata) Dir() string {
	if r.Folder != "" {
		return r.Folder
	}
	dir, err := EmbeddedData()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, EmbeddedRefdata)
}
