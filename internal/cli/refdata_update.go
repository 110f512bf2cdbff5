package cli

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/urfave/cli/v2"

	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/terminal"
)

// updatedJSON is what became of a list, for programs.
type updatedJSON struct {
	File string `json:"file"`
	URL  string `json:"url"`
	// Result is one of the results of an update.
	Result string `json:"result"`
	// EntriesBefore is the number of entries of the file before.
	EntriesBefore int    `json:"entries_before"`
	Entries       int    `json:"entries"`
	Bytes         int    `json:"bytes"`
	SHA256        string `json:"sha256,omitempty"`
	Error         string `json:"error,omitempty"`
}

// Results of an update.
const (
	updateNew       = "new"
	updateChanged   = "changed"
	updateUnchanged = "unchanged"
	updateFailed    = "failed"
)

func updateRefdata(ctx context.Context, s *session) error {
	lists, err := listsToFetch(s.cli)
	folder, folderErr := refdataFolder(s)
	if s.cli.Duration("timeout") <= 0 {
		err = errors.Join(err, fmt.Errorf("--timeout %s: want more than 0", s.cli.Duration("timeout")))
	}
	if err := errors.Join(err, folderErr); err != nil {
		return err
	}
	begin(s.cli)
	done, failed := refdata.Updater{
		Folder: folder, Client: &http.Client{Timeout: s.cli.Duration("timeout")}, Lists: lists,
		AllowShrinking: s.cli.Bool("allow-shrinking"),
	}.Update(ctx)
	views := make([]updatedJSON, len(done))
	for i, u := range done {
		views[i] = updatedView(u)
	}
	if failed != nil {
		// Without its causes, whose advice is to start the stack.
		failed = exitWith(codeOf(failed), errors.New(failed.Error()))
	}
	if asJSON(s.cli) {
		return errors.Join(writeJSON(s.cli, views), failed)
	}
	return errors.Join(writeUpdated(s.cli, folder, views), failed)
}

func updatedView(u refdata.Updated) updatedJSON {
	view := updatedJSON{
		File: filepath.Base(u.File), URL: u.URL, Result: updateUnchanged, EntriesBefore: u.Had, Entries: u.Entries,
		Bytes: u.Bytes, SHA256: u.SHA256,
	}
	switch {
	case u.Err != nil:
		view.Result, view.Error = updateFailed, u.Err.Error()
	case u.Changed && u.Had == 0:
		view.Result = updateNew
	case u.Changed:
		view.Result = updateChanged
	}
	return view
}

func writeUpdated(c *cli.Context, folder string, views []updatedJSON) error {
	if err := say(c, "Folder: %s\n", terminal.Line(folder)); err != nil {
		return err
	}
	table := terminal.NewTable("FILE", "RESULT", "ENTRIES BEFORE", "ENTRIES", "SIZE", "SHA-256")
	for _, v := range views {
		if v.Result == updateFailed {
			table.Row(v.File, terminal.Coloured{Text: v.Result, Colour: terminal.Red}, "-", "-", "-", "-")
			continue
		}
		table.Row(v.File, v.Result, v.EntriesBefore, v.Entries, humanize.IBytes(uint64(v.Bytes)), v.SHA256)
	}
	return table.Write(c.App.Writer)
}

// listsToFetch returns the public lists with the mirror and the checksums of the flags.
func listsToFetch(c *cli.Context) ([]refdata.List, error) {
	lists := refdata.PublicLists()
	var faults []error
	if text := c.String("from"); text != "" {
		base, err := url.Parse(text)
		if err != nil || base.Scheme != "https" && base.Scheme != "http" || base.Host == "" || base.User != nil {
			faults = append(faults, errors.New("--from: want the URL of a folder, such as https://mirror.example/refdata"))
		} else {
			for i := range lists {
				lists[i].URL = base.JoinPath(lists[i].File).String()
			}
		}
	}
	names := make([]string, len(lists))
	for i, list := range lists {
		names[i] = list.File
	}
	for _, text := range c.StringSlice("sha256") {
		file, sum, _ := strings.Cut(text, "=")
		at := slices.Index(names, file)
		decoded, err := hex.DecodeString(sum)
		if at < 0 || err != nil || len(decoded) != 32 {
			faults = append(faults, fmt.Errorf("--sha256 %.60q: want FILE=HEX, 64 hexadecimal digits, where FILE is one of %s",
				text, strings.Join(names, ", ")))
			continue
		}
		lists[at].SHA256 = sum
	}
	return lists, errors.Join(faults...)
}
