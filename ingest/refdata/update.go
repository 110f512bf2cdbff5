package refdata

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/sluicehq/sluice/ingest/refdata/lists"
	"github.com/sluicehq/sluice/ingest/refdata/sources"
	"github.com/sluicehq/sluice/internal/atomicfile"
)

// List is a public list that Update fetches.
type List struct {
	// File is the name in the folder.
	File string
	// URL is where the list is published.
	URL string
	// SHA256 is the checksum in hexadecimal that the content must have. "" accepts any
	// content that Count accepts, because the public lists change every day.
	SHA256 string
	// MaxSize is the size in bytes. Defaults to MaxList.
	MaxSize int64
	// Count returns the number of entries, or an error for a content that is no such list.
	Count func(content []byte) (int, error)
}

// PublicLists returns the lists of others that Sluice knows: Matomo's referrer spam (public
// domain) and sources (CC0), and the autonomous systems of data centres (MIT).
func PublicLists() []List {
	const (
		matomo        = "https://raw.githubusercontent.com/matomo-org/"
		matomoSources = matomo + "searchengine-and-social-list/master/"
	)
	social := func(content []byte) (int, error) {
		list, err := lists.ParseSocials(content, sources.CategorySocial)
		return len(list), err
	}
	return []List{
		{
			File: FileSpam, URL: matomo + "referrer-spam-list/master/spammers.txt",
			Count: func(content []byte) (int, error) {
				hosts, err := lists.ParseHosts(content)
				return len(hosts), err
			},
		},
		{
			File: FileSearchEngines, URL: matomoSources + "SearchEngines.yml",
			Count: func(content []byte) (int, error) {
				list, err := lists.ParseSearchEngines(content)
				return len(list), err
			},
		},
		{File: FileSocials, URL: matomoSources + "Socials.yml", Count: social},
		{File: FileAIAssistants, URL: matomoSources + "AIAssistants.yml", Count: social},
		{
			File: FileNumbers, URL: "https://raw.githubusercontent.com/brianhama/bad-asn-list/master/bad-asn-list.csv",
			Count: func(content []byte) (int, error) {
				numbers, err := lists.ParseNumbers(content)
				return len(numbers), err
			},
		},
	}
}

// Updated says what became of a list.
type Updated struct {
	// File is the list's file.
	File string
	// URL is where it was fetched from.
	URL string
	// Err says why the file stays as it is. The other fields are then zero.
	Err error
	// Changed says that the file is new or has a new content.
	Changed bool
	// Had is the number of entries of the file before, 0 if there was none or a damaged one.
	Had int
	// Entries and Bytes are the size of the content in the folder.
	Entries, Bytes int
	// SHA256 is the content's checksum in hexadecimal.
	SHA256 string
}

// Updater fetches public lists into a folder.
type Updater struct {
	// Folder is where the files are. It must exist.
	Folder string
	// Client makes the requests. Required; its timeout bounds each request.
	Client *http.Client
	// Lists are fetched. Defaults to PublicLists.
	Lists []List
	// AllowShrinking accepts a list with less than half of the entries that the file in
	// the folder has.
	AllowShrinking bool
}

// Update fetches each list, checks it and replaces its file in one step. A list that fails
// leaves its file as it is and does not stop the others; its result has the error, and the error of
// Update names every list that failed. A running Store loads the new files by itself.
func (u Updater) Update(ctx context.Context) ([]Updated, error) {
	if u.Client == nil || u.Folder == "" {
		return nil, errors.New("update reference data: client or folder is missing")
	}
	all := u.Lists
	if all == nil {
		all = PublicLists()
	}
	var done []Updated
	var faults []error
	for _, list := range all {
		updated, err := u.one(ctx, list)
		if err != nil {
			updated = Updated{File: filepath.Join(u.Folder, list.File), Err: err}
			faults = append(faults, fmt.Errorf("update %s from %s: %w", list.File, list.URL, err))
		}
		updated.URL = list.URL
		done = append(done, updated)
	}
	return done, errors.Join(faults...)
}

func (u Updater) one(ctx context.Context, list List) (Updated, error) {
	content, err := u.fetch(ctx, list)
	if err != nil {
		return Updated{}, err
	}
	sum := sha256.Sum256(content)
	checksum := hex.EncodeToString(sum[:])
	if list.SHA256 != "" && !strings.EqualFold(list.SHA256, checksum) {
		return Updated{}, fmt.Errorf("checksum is %s, want %s", checksum, list.SHA256)
	}
	entries, err := list.Count(content)
	if err != nil {
		return Updated{}, err
	}
	if entries == 0 {
		return Updated{}, errors.New("the list is empty")
	}
	file := filepath.Join(u.Folder, list.File)
	old, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return Updated{}, err
	}
	updated := Updated{File: file, Entries: entries, Bytes: len(content), SHA256: checksum}
	if had, err := list.Count(old); err == nil {
		updated.Had = had
	}
	if err == nil && bytes.Equal(old, content) {
		return updated, nil
	}
	// A damaged file may be replaced by any list.
	if entries < updated.Had/2 && !u.AllowShrinking {
		return Updated{}, fmt.Errorf("it has %d entries, the file in use has %d (--allow-shrinking accepts it)",
			entries, updated.Had)
	}
	// Readable by the user of another process as well.
	if err := atomicfile.Replace(file, content, 0o644); err != nil {
		return Updated{}, err
	}
	updated.Changed = true
	return updated, nil
}

func (u Updater) fetch(ctx context.Context, list List) (content []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, list.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := u.Client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %s, want 200", response.Status)
	}
	limit := cmp.Or(list.MaxSize, MaxList)
	content, err = io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(content)) > limit {
		return nil, fmt.Errorf("the list has more than %d bytes", limit)
	}
	return content, nil
}
