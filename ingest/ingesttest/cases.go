package ingesttest

import (
	"cmp"
	"encoding/json"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
)

// SiteDomain is the domain that stands for {site}.
const SiteDomain = "case.example"

// VerificationAgent is the user agent that stands for <installation support UA>.
const VerificationAgent = "Installation Support 1.0"

// Case is a request and its outcome.
type Case struct {
	ID string `json:"id"`
	// Setup says what is there before, in a few fixed phrases.
	Setup   string            `json:"setup"`
	Headers map[string]string `json:"headers"`
	// Body is the JSON body; a string is the body itself, null an empty one. A text such
	// as "a*500" stands for 500 letters.
	Body   json.RawMessage            `json:"body"`
	Expect map[string]json.RawMessage `json:"expect"`
}

// Load reads a file of cases.
func Load(t *testing.T, file string) []Case {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	var all struct {
		Cases []Case `json:"cases"`
	}
	require.NoError(t, json.Unmarshal(content, &all))
	require.NotEmpty(t, all.Cases, file)
	return all.Cases
}

// FolderOfOthers returns the folder with cases that were collected outside this repository,
// or "" if it is not on this machine: SLUICE_DATA names it. root is the repository's root.
func FolderOfOthers(t *testing.T, root string) string {
	t.Helper()
	folder := cmp.Or(os.Getenv("SLUICE_DATA"), filepath.Join(root, "..", "shared", "data"))
	file := filepath.Join(folder, "ingestion_cases.json")
	if _, err := os.Stat(file); err != nil { //nolint:gosec // the tester names the folder
		t.Logf("NOT RUN: the cases of others are not on this machine: %v (SLUICE_DATA names their folder)", err)
		return ""
	}
	return folder
}

// Lists returns the lists of a FolderOfOthers by their names in a folder of reference data.
func Lists(t *testing.T, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for name, file := range map[string]string{
		refdata.FileSpam: "referrer_spam.txt", refdata.FileSocials: "sources/Socials.yml",
		refdata.FileSearchEngines: "sources/SearchEngines.yml", refdata.FileAIAssistants: "sources/AIAssistants.yml",
	} {
		content, err := os.ReadFile(filepath.Join(folder, file))
		require.NoError(t, err)
		files[name] = string(content)
	}
	return files
}

var repeated = regexp.MustCompile(`"(.)\*(\d+)"`)

// expand replaces the placeholders of a JSON text.
func expand(raw json.RawMessage) string {
	text := strings.ReplaceAll(string(raw), "{site}", SiteDomain)
	text = repeated.ReplaceAllStringFunc(text, func(match string) string {
		parts := repeated.FindStringSubmatch(match)
		// The expression has found digits.
		n, err := strconv.Atoi(parts[2])
		if err != nil {
			panic(err)
		}
		return `"` + strings.Repeat(parts[1], n) + `"`
	})
	var keys strings.Builder
	for i := range 50 {
		keys.WriteString(`,"key` + strconv.Itoa(i) + `":"v"`)
	}
	return strings.ReplaceAll(text, `"50 keys"`, "{"+keys.String()[1:]+"}")
}

// RequestBody returns the body that is sent.
func (c Case) RequestBody(t *testing.T) []byte {
	t.Helper()
	if len(c.Body) == 0 || string(c.Body) == "null" {
		return nil
	}
	if c.Body[0] == '"' {
		var body string
		require.NoError(t, json.Unmarshal(c.Body, &body))
		return []byte(body)
	}
	return []byte(expand(c.Body))
}

// RequestHeader returns the headers that are sent.
func (c Case) RequestHeader() http.Header {
	h := http.Header{}
	for name, value := range c.Headers {
		h.Set(name, strings.ReplaceAll(value, "<installation support UA>", VerificationAgent))
	}
	return h
}

// Peer returns the address of the other end, host and port.
func (c Case) Peer() string {
	if _, ip, ok := strings.Cut(c.Setup, "remote_ip="); ok {
		return ip + ":4242"
	}
	return "127.0.0.1:4242"
}

// Sites returns the sites of the setup. It fails for a phrase that it does not know.
func (c Case) Sites(t *testing.T) Sites {
	t.Helper()
	sites := Sites{}
	domains := []string{SiteDomain, "dummy.site", "example.com", "192.168.0.1", "foo.netlify.app", "test.com"}
	for i, domain := range domains {
		sites[domain] = &ingest.Site{ID: uint64(i + 1), Domain: domain}
	}
	site := sites[SiteDomain]
	for phrase := range strings.SplitSeq(c.Setup, ";") {
		phrase = strings.TrimSpace(phrase)
		words := strings.Fields(phrase)
		switch {
		case phrase == "site exists", phrase == "EE", phrase == "EE only", strings.HasPrefix(phrase, "remote_ip="),
			strings.HasPrefix(phrase, "test rate "), phrase == "a pageview by the same visitor came first",
			strings.HasPrefix(phrase, "site ") && sites[words[len(words)-1]] != nil:
		case phrase == "team.accept_traffic_until=yesterday":
			site.AcceptTrafficUntil = time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -1)
		case strings.HasPrefix(phrase, "IP rule "):
			rule := words[2]
			if !strings.Contains(rule, "/") {
				ip := netip.MustParseAddr(rule)
				rule += "/" + strconv.Itoa(ip.BitLen())
			}
			site.Shields.IPs = append(site.Shields.IPs, netip.MustParsePrefix(rule))
		case strings.HasPrefix(phrase, "page rule "):
			site.Shields.Pages = append(site.Shields.Pages, words[2])
		case strings.HasPrefix(phrase, "hostname rule "):
			site.Shields.Hostnames = append(site.Shields.Hostnames, words[2])
		case strings.HasPrefix(phrase, "country rule "):
			site.Shields.Countries = append(site.Shields.Countries, words[2])
		case strings.HasPrefix(phrase, "goal "):
			// "goal NAME currency CODE", or "goal currency CODE" for the event Payment.
			name := "Payment"
			if words[1] != "currency" {
				name = words[1]
			}
			site.RevenueGoals = map[string]string{name: words[len(words)-1]}
			sites["example.com"].RevenueGoals = site.RevenueGoals
		case strings.HasPrefix(phrase, "limit "):
			events, err := strconv.Atoi(words[1])
			require.NoError(t, err)
			site.RateLimit = &ingest.RateLimit{Events: events}
		default:
			require.Fail(t, "unknown setup", "%s: %q", c.ID, phrase)
		}
	}
	for _, each := range sites {
		require.NoError(t, each.Validate())
	}
	return sites
}

// TrustAll are proxies that trust every address, as the cases do.
func TrustAll() request.Proxies {
	return request.Proxies{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
}
