package refdata

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// State says which version of the data a store uses.
type State string

// The states.
const (
	// StateCurrent: the file in the folder is in use.
	StateCurrent State = "current"
	// StateLastGood: the file in the folder is damaged or gone; what was loaded before is in use.
	StateLastGood State = "last good"
	// StateDamaged: the file in the folder is damaged, and nothing was loaded before.
	StateDamaged State = "damaged"
	// StateMissing: there is no file.
	StateMissing State = "missing"
)

// Status is what a store knows about its data.
type Status struct {
	// Folder is the folder of the files, "" for none.
	Folder string `json:"folder"`
	// Data has an entry for each kind of data, in a fixed order.
	Data []DataStatus `json:"data"`
}

// DataStatus is what a store knows about one kind of data.
type DataStatus struct {
	// Data is the kind: "bots".
	Data string `json:"data"`
	// State says which version is in use.
	State State `json:"state"`
	// File is the name in the folder of the file in use, "" for none.
	File string `json:"file,omitempty"`
	// From says where the file comes from.
	From string `json:"from,omitempty"`
	// Version is that of the npm package of the file, "" for another file.
	Version string `json:"version,omitempty"`
	// Date is when the data were made, or else when the file was written. nil for none, and for a package that does
	// not tell.
	Date *time.Time `json:"date,omitempty"`
	// Bytes is the size of the file in use.
	Bytes int64 `json:"bytes,omitempty"`
	// Entries is the number of entries in use, with the built-in ones where there is no file.
	Entries int `json:"entries"`
	// Fault says what is wrong with the file in the folder.
	Fault string `json:"fault,omitempty"`
	// Optional says that the data are missing on most machines.
	Optional bool `json:"optional,omitempty"`
	// Consequence and Cure say what happens without the data, and what to do. Empty for current data.
	Consequence string `json:"consequence,omitempty"`
	Cure        string `json:"cure,omitempty"`
}

// Problem says in one line what is wrong with data that are not current, what follows and what to do.
func (d DataStatus) Problem() string {
	text := d.Data + ": " + string(d.State)
	if d.Fault != "" {
		text += ": " + d.Fault
	}
	return text + ": " + d.Consequence + "; " + d.Cure
}

// Status returns the state of each kind of data as of the last Reload.
func (s *Store) Status() Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := Status{Folder: s.config.Folder, Data: make([]DataStatus, len(kinds))}
	data := s.data.Load()
	for i := range kinds {
		status.Data[i] = s.status(&kinds[i], &s.files[i], data)
	}
	return status
}

func (s *Store) status(k *kind, state *fileState, data *Data) DataStatus {
	if !state.counted {
		// Counting the networks of a large database takes a moment: once a version.
		state.entries, state.counted = k.entries(data), true
	}
	d := DataStatus{Data: k.name, Entries: state.entries, Fault: state.fault, Optional: k.optional, State: StateCurrent}
	switch {
	case state.loaded == "" && state.fault == "":
		d.State = StateMissing
	case state.loaded == "":
		d.State = StateDamaged
	case state.fault != "":
		d.State = StateLastGood
	}
	if d.State != StateCurrent {
		d.Consequence, d.Cure = k.without, k.cure
	}
	if state.loaded == "" {
		return d
	}
	d.File, d.Bytes = s.name(state.loaded), state.bytes
	d.From, d.Version = origin(d.File), state.version
	if !state.made.IsZero() {
		d.Date = &state.made
	}
	return d
}

// name returns the name of a file in the folder, with slashes.
func (s *Store) name(file string) string {
	name, err := filepath.Rel(s.config.Folder, file)
	if err != nil {
		return file
	}
	return filepath.ToSlash(name)
}

// note keeps what Status says about a file that was loaded.
func (state *fileState) note(k *kind, found fingerprint, data *Data) {
	state.loaded, state.fault, state.counted = found.file, "", false
	state.bytes, state.version, state.made = found.size, packageVersion(found.file), time.Time{}
	if k.made != nil {
		state.made = k.made(data)
	}
	// The files of npm packages have a date that never changes.
	if state.made.IsZero() && state.version == "" {
		state.made = found.time.UTC()
	}
}

// origin says where a file of the folder comes from.
func origin(name string) string {
	if pkg, ok := packageOf(name); ok {
		return "npm package " + pkg
	}
	for _, list := range PublicLists() {
		if list.File == name {
			return list.URL
		}
	}
	return "your own file"
}

const modules = "node_modules/"

// packageOf returns the npm package of a file, whose path has slashes.
func packageOf(path string) (name string, ok bool) {
	at := strings.LastIndex(path, modules)
	if at < 0 {
		return "", false
	}
	parts := strings.SplitN(path[at+len(modules):], "/", 3)
	if strings.HasPrefix(parts[0], "@") && len(parts) > 1 {
		return parts[0] + "/" + parts[1], true
	}
	return parts[0], true
}

// maxManifest bounds the file package.json of an npm package, in bytes.
const maxManifest = 1 << 20

// packageVersion returns the version of the npm package of a file, or "" if it is in none or the package does not
// tell.
func packageVersion(file string) string {
	path := filepath.ToSlash(file)
	name, ok := packageOf(path)
	if !ok {
		return ""
	}
	manifest := path[:strings.LastIndex(path, modules)+len(modules)] + name + "/package.json"
	info, err := os.Stat(filepath.FromSlash(manifest))
	if err != nil || info.Size() > maxManifest {
		return ""
	}
	content, err := os.ReadFile(filepath.FromSlash(manifest))
	if err != nil {
		return ""
	}
	var p struct {
		Version string `json:"version"`
	}
	if json.Unmarshal(content, &p) != nil {
		return ""
	}
	return p.Version
}
