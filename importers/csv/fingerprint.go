package csv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/cespare/xxhash/v2"

	"github.com/sluicehq/sluice/importers"
)

var _ importers.Fingerprinter = (*Importer)(nil)

// Fingerprint hashes names and contents of all files, independent of their folders. The hash
// protects against accidents, not against forgery. A file is read at the speed of the page cache; a
// member of an archive is not read, because the archive contains its checksum.
func (c *Importer) Fingerprint(ctx context.Context, imp importers.Import) (string, error) {
	args, err := decodeStored(imp.Args)
	if err != nil {
		return "", err
	}
	var faults faults
	found, err := c.discover(ctx, args.Paths, &faults)
	if err != nil {
		return "", err
	}
	if !faults.none() {
		// Plan reports the fault.
		return "", nil
	}
	slices.SortFunc(found.sources, func(a, b source) int { return cmp.Compare(a.table.Name, b.table.Name) })
	sum := xxhash.New()
	if args.LeaveOutUnknownColumns {
		if _, err := fmt.Fprintln(sum, "leave_out_unknown_columns"); err != nil {
			return "", fmt.Errorf("hash the arguments: %w", err)
		}
	}
	for _, src := range found.sources {
		content := fmt.Sprintf("crc32:%08x", src.args.CRC32)
		if src.args.Member == "" {
			if content, err = c.hashFile(ctx, src.args.Path); err != nil {
				return "", fmt.Errorf("%s: %w", src.shown, err)
			}
		}
		if _, err := fmt.Fprintf(sum, "%s %s %s %d\n", src.table.Name, src.days, content, src.args.Size); err != nil {
			return "", fmt.Errorf("hash the list of files: %w", err)
		}
	}
	return fmt.Sprintf("xxh64:%016x", sum.Sum64()), nil
}

// hashFile hashes a file as stored, compressed or not.
func (c *Importer) hashFile(ctx context.Context, path string) (_ string, err error) {
	file, err := c.files.Open(ctx, path)
	if err != nil {
		return "", fileFault(err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	sum := xxhash.New()
	buffer := make([]byte, 1<<20)
	for {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		n, err := file.Read(buffer)
		if _, werr := sum.Write(buffer[:n]); werr != nil {
			return "", fmt.Errorf("hash: %w", werr)
		}
		if errors.Is(err, io.EOF) {
			return fmt.Sprintf("xxh64:%016x", sum.Sum64()), nil
		}
		if err != nil {
			return "", fileFault(err)
		}
	}
}
