// Package docs_test keeps the project's documents true: their commands exist, their
// links lead somewhere, their code is compiled, their figures are the program's.
package docs_test

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"
	urfave "github.com/urfave/cli/v2"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/csv/record"
	"github.com/sluicehq/sluice/internal/cli"
	"github.com/sluicehq/sluice/internal/scaffold"
)

// pages returns the text of every document by its path from here.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, pattern := range []string{"*.md", "../*.md", "../deploy/compose/*/*.md"} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, path := range paths {
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			all[path] = string(text)
		}
	}
	require.Greater(t, len(all), 8)
	return all
}

var (
	codeBlock = regexp.MustCompile("(?s)(?:^|\n)```([a-z]*)\n(.*?)\n```")
	inline    = regexp.MustCompile("`([^`]+)`")
)

// commandLines returns what a page tells people to type: the lines of its shell
// blocks, those that are indented, and what stands in backquotes.
func commandLines(page string) []string {
	var lines []string
	for _, m := range codeBlock.FindAllStringSubmatch(page, -1) {
		if m[1] == "sh" {
			lines = append(lines, strings.Split(m[2], "\n")...)
		}
	}
	rest := codeBlock.ReplaceAllString(page, "")
	for line := range strings.Lines(rest) {
		if strings.HasPrefix(line, "    ") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	// A command in backquotes may go over the end of a line.
	for _, m := range inline.FindAllStringSubmatch(rest, -1) {
		lines = append(lines, strings.ReplaceAll(m[1], "\n", " "))
	}
	for i, line := range lines {
		line, _, _ = strings.Cut(line, "  ")
		line, _, _ = strings.Cut(line, " #")
		lines[i] = strings.TrimSpace(line)
	}
	return lines
}

func TestCommandsExist(t *testing.T) {
	t.Parallel()
	found := map[string]bool{}
	for path, page := range pages(t) {
		for _, line := range commandLines(page) {
			words := strings.Fields(strings.TrimPrefix(line, "docker compose run --rm "))
			if len(words) < 2 || words[0] != "sluice" && words[0] != "./bin/sluice" {
				continue
			}
			requireCommand(t, path, words[1:])
			found[strings.Join(words[1:min(3, len(words))], " ")] = true
		}
	}
	for _, line := range []string{
		"site add", "site forget-imports", "import start", "import logs", "import preview", "import pause", "import resume",
		"import set-rate", "review list", "review accept", "review decline", "locks list", "migrate up", "version",
	} {
		require.True(t, found[line], "no document shows `sluice %s`", line)
	}
}

// requireCommand checks a command line: the command and every flag of it exist.
func requireCommand(t *testing.T, path string, words []string) {
	t.Helper()
	app, err := cli.New(cli.Streams{Out: io.Discard, Err: io.Discard})
	require.NoError(t, err)
	flags, commands, arguments := app.Flags, app.Commands, false
	asked := strings.Join(words, " ")
	for i, word := range words {
		if strings.HasPrefix(word, "-") {
			name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
			known := slices.ContainsFunc(slices.Concat(flags, app.Flags), func(f urfave.Flag) bool { return slices.Contains(f.Names(), name) })
			require.Truef(t, known, "%s: `sluice %s`: there is no flag %s", path, asked, word)
			continue
		}
		if len(commands) == 0 {
			continue
		}
		at := slices.IndexFunc(commands, func(c *urfave.Command) bool { return c.HasName(word) })
		if at < 0 && i > 0 && strings.HasPrefix(words[i-1], "-") {
			continue // the value of a flag
		}
		if at < 0 && arguments {
			commands = nil // such as an importer that another program registers
			continue
		}
		if at < 0 {
			// An argument, or nonsense: only groups have nothing but commands.
			require.Falsef(t, slices.Contains([]string{"site", "import", "migrate", "review", "locks"}, words[0]) || word == words[0],
				"%s: `sluice %s`: there is no command %s", path, asked, word)
			return
		}
		if commands[at].Name == "help" {
			return
		}
		arguments = commands[at].ArgsUsage != ""
		flags, commands = commands[at].Flags, commands[at].Subcommands
	}
}

func TestMakeTargetsExist(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("../Makefile")
	require.NoError(t, err)
	shown := 0
	for path, page := range pages(t) {
		for _, line := range commandLines(page) {
			words := strings.Fields(line)
			if len(words) < 2 || words[0] != "make" {
				continue
			}
			require.Regexp(t, `(?m)^`+regexp.QuoteMeta(words[1])+`:`, string(makefile), "%s: there is no target %q", path, words[1])
			shown++
		}
	}
	require.Positive(t, shown)
}

var link = regexp.MustCompile(`\[[^\]]*\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for path, page := range all {
		for _, m := range link.FindAllStringSubmatch(codeBlock.ReplaceAllString(page, ""), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			file, anchor, _ := strings.Cut(m[1], "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
				_, err := os.Stat(target)
				require.NoErrorf(t, err, "%s: the link %s leads nowhere", path, m[1])
				// Pages of this folder are known by their bare names.
				target = strings.TrimPrefix(target, "../docs/")
			}
			if anchor != "" {
				require.Containsf(t, anchors(all[target]), anchor, "%s: the link %s leads to no heading", path, m[1])
			}
		}
	}
}

var (
	heading    = regexp.MustCompile(`(?m)^#+ (.+)$`)
	notInLinks = regexp.MustCompile(`[^a-z0-9 _-]`)
)

// anchors returns the names under which a page's headings are linked to.
func anchors(page string) []string {
	var all []string
	for _, m := range heading.FindAllStringSubmatch(codeBlock.ReplaceAllString(page, ""), -1) {
		all = append(all, strings.ReplaceAll(notInLinks.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-"))
	}
	return all
}

// TestQuotedCodeIsCompiled: what the page about importers shows stands in a test.
func TestQuotedCodeIsCompiled(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("../importers/example_test.go")
	require.NoError(t, err)
	quoted := 0
	for _, m := range codeBlock.FindAllStringSubmatch(pages(t)["authoring-an-importer.md"], -1) {
		require.Equal(t, "go", m[1])
		if strings.Contains(m[2], "\npackage main\n") {
			continue // TestQuotedMainIsGenerated
		}
		require.Contains(t, string(source), strings.TrimSpace(m[2]))
		quoted++
	}
	require.Greater(t, quoted, 4)
}

// TestQuotedMainIsGenerated: the pages about importers and destinations show the main that
// `sluice generate project` writes, which TestProject builds and runs.
func TestQuotedMainIsGenerated(t *testing.T) {
	t.Parallel()
	files, err := scaffold.Project{Module: "example.com/team/mine"}.Files()
	require.NoError(t, err)
	at := slices.IndexFunc(files, func(f scaffold.File) bool { return f.Path == "main.go" })
	require.GreaterOrEqual(t, at, 0)
	for _, page := range []string{"authoring-an-importer.md", "authoring-a-destination.md"} {
		require.Contains(t, pages(t)[page], "```go\n"+string(files[at].Content)+"```\n", page)
	}
}

func TestLimitsAreTrue(t *testing.T) {
	t.Parallel()
	all, defaults := pages(t), config.Default()
	count := func(n int) string { return humanize.Comma(int64(n)) }
	for _, limit := range []struct{ page, what, value string }{
		{"operations.md", "parts of an import", count(importers.MaxParts)},
		{"operations.md", "imports of a site, completed and under way", count(int(defaults.Limits.ImportsPerSite))},
		{
			"operations.md", "imports at work at once",
			count(int(defaults.Limits.Running)) + " (`limits.running`), " + count(int(defaults.Limits.RunningPerSite)) + " of one site",
		},
		{"operations.md", "resources that an import locks", count(importers.MaxDependencies) + ", names of " + count(importers.MaxResource)},
		{"operations.md", "a wait that a source may ask for", strconv.Itoa(int(importers.MaxWait.Hours())) + " hours"},
		{"locks.md", "`limits.running`", count(int(defaults.Limits.Running))},
		{"locks.md", "`limits.running_per_site`", count(int(defaults.Limits.RunningPerSite))},
		{"locks.md", "`limits.imports_per_site`", strconv.FormatInt(defaults.Limits.ImportsPerSite, 10)},
		{"authoring-an-importer.md", "resources that an import locks", count(importers.MaxDependencies) + ", names of " + count(importers.MaxResource)},
		{"authoring-an-importer.md", "fingerprint", count(importers.MaxFingerprint) + " bytes"},
		{"authoring-an-importer.md", "a wait", strconv.Itoa(int(importers.MaxWait.Hours())) + " hours"},
		{"operations.md", "label of a part", count(importers.MaxLabel) + " bytes"},
		{"operations.md", "chunk", count(defaults.Import.ChunkRows) + " rows or " + strconv.Itoa(defaults.Import.ChunkBytes>>20) + " MiB"},
		{"operations.md", "rejected rows in a chunk", count(importers.MaxRejects)},
		{"operations.md", "reason and sample of a rejected row", count(importers.MaxReason) + " and " + count(importers.MaxSample) + " bytes"},
		{"operations.md", "parts loaded at once", count(defaults.Worker.LoadSlots) + " a worker"},
		{"operations.md", "memory of a worker", strconv.FormatInt(defaults.Worker.MemoryLimitMiB, 10) + " MiB"},
		{"authoring-an-importer.md", "parts of a plan", count(importers.MaxParts)},
		{"authoring-an-importer.md", "label of a part", count(importers.MaxLabel) + " bytes"},
		{"authoring-an-importer.md", "arguments of a part", strconv.Itoa(importers.MaxPartArgs>>10) + " KiB"},
		{"authoring-an-importer.md", "cursor", strconv.Itoa(importers.MaxCursor>>10) + " KiB"},
		{"authoring-an-importer.md", "rejects in a chunk", count(importers.MaxRejects)},
		{"csv.md", "paths given to one import", count(csv.MaxPaths)},
		{"csv.md", "length of a row", strconv.Itoa(record.MaxBytes>>20) + " MiB"},
		{"csv.md", "members of a zip", count(csv.MaxMembers)},
		{"csv.md", "uncompressed size of a zip", strconv.Itoa(csv.MaxUncompressed>>30) + " GiB"},
		{"csv.md", "compression of a member above " + strconv.Itoa(csv.RatioFree>>20) + " MiB", strconv.Itoa(csv.MaxRatio) + " to 1"},
	} {
		require.Contains(t, all[limit.page], "\n| "+limit.what+" | "+limit.value, limit.page)
	}
	require.Contains(t, all["architecture.md"], "after every "+strconv.Itoa(importacts.MaxPlannedParts)+" of them")
	for _, class := range []importers.Class{
		importers.ClassInput, importers.ClassAccess, importers.ClassNoDays, importers.ClassRejects, importers.ClassSource,
		importers.ClassInternal, importers.ClassEnded, importers.ClassCancelled, importers.ClassDeclined,
	} {
		require.Contains(t, all["operations.md"], "`"+string(class)+"`")
	}
}

// TestMetricsExist: every metric of ours that the pages about operations and ingestion name is registered.
func TestMetricsExist(t *testing.T) {
	t.Parallel()
	var source []byte
	for _, file := range []string{
		"worker/metrics.go", "worker/connectionmetrics.go", "worker/writermetrics.go", "worker/lagmetrics.go",
		"worker/syncmetrics.go", "server/metrics.go",
	} {
		text, err := os.ReadFile("../" + file)
		require.NoError(t, err)
		source = append(source, text...)
	}
	for _, page := range []string{"operations.md", "ingestion.md"} {
		names := regexp.MustCompile("`(sluice_[a-z_]+)\\{").FindAllStringSubmatch(pages(t)[page], -1)
		require.NotEmpty(t, names)
		for _, m := range names {
			require.Contains(t, string(source), `"`+m[1]+`"`)
		}
	}
}
