package api_test

import (
	"bytes"
	"cmp"
	"io"
	"mime/multipart"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
)

// shellBlock finds the commands of a page.
var shellBlock = regexp.MustCompile("(?s)```sh\n(.*?)\n```")

// The commands of the walk-through of docs/api.md work, in order.
func TestWalkThrough(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "\n## Walk-through\n")
	require.True(t, found)
	section, _, _ = strings.Cut(section, "\n## ")
	b := withWorker(t)
	b.AddSite(t, "demo.example")
	b.tokens.principals["ci"] = access.Principal{
		Name: "ci", Kind: access.KindToken, Role: access.RoleOperator, Sites: access.Sites("demo.example"),
	}
	variables := map[string]string{"T": "ci", "URL": b.url}
	var outputs []string
	for _, block := range shellBlock.FindAllStringSubmatch(section, -1) {
		got := b.curl(t, block[1], variables)
		outputs = append(outputs, string(got.body))
		require.Less(t, got.status, 300, "%s\n%s", block[1], got.body)
		switch len(outputs) {
		case 2:
			var uploaded api.Upload
			got.decode(t, &uploaded)
			variables["UPLOAD"] = uploaded.ID
		case 3:
			var imp importview.Import
			got.decode(t, &imp)
			require.Equal(t, "pages of 2024", imp.Label)
			_, variables["IMPORT"], _ = strings.Cut(got.header.Get("Location"), "/imports/")
			again := b.curl(t, block[1], variables)
			require.Equal(t, string(got.body), string(again.body), "repeated with the same key")
		case 7:
			variables["ETAG"] = got.header.Get("Etag")
		}
	}
	require.Len(t, outputs, 8)
	require.Contains(t, outputs[3], "event: end\n")
	require.Contains(t, outputs[4], `"status":"completed"`)
	require.Contains(t, outputs[5], `"table":"imported_pages"`)
	require.Contains(t, outputs[7], `"cron":"30 3 * * *"`)
}

// curl sends the request of a curl command: the options -H, -d, -F, -X, -s and -N, and the variables $NAME.
func (b *bundle) curl(t *testing.T, command string, variables map[string]string) answer {
	t.Helper()
	words := shellWords(strings.ReplaceAll(command, "\\\n", " "), variables)
	require.Equal(t, "curl", words[0], command)
	method, asked, url := http.MethodGet, "", ""
	var body io.Reader = http.NoBody
	header := http.Header{}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-s", "-N":
			continue
		case "-H":
			name, value, _ := strings.Cut(words[i+1], ": ")
			header.Set(name, value)
		case "-d":
			body, method = strings.NewReader(words[i+1]), http.MethodPost
		case "-X":
			asked = words[i+1]
		case "-F":
			name, ok := strings.CutPrefix(words[i+1], "file=@")
			require.True(t, ok, words[i+1])
			var form bytes.Buffer
			writer := multipart.NewWriter(&form)
			part, err := writer.CreateFormFile("file", name)
			require.NoError(t, err)
			_, err = io.WriteString(part, pagesText)
			require.NoError(t, err)
			require.NoError(t, writer.Close())
			header.Set("Content-Type", writer.FormDataContentType())
			body, method = &form, http.MethodPost
		default:
			url = words[i]
			continue
		}
		i++
	}
	r, err := http.NewRequestWithContext(t.Context(), cmp.Or(asked, method), url, body)
	require.NoError(t, err)
	r.Header = header
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return answer{response.StatusCode, response.Header, data}
}

// shellWords splits a command as a shell does: quotes, and variables outside of single ones.
func shellWords(command string, variables map[string]string) []string {
	var words []string
	var word strings.Builder
	quote, begun := byte(0), false
	for i := 0; i < len(command); i++ {
		c := command[i]
		switch {
		case c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, begun = c, true
		case c == '$' && quote != '\'':
			end := i + 1
			for end < len(command) && (command[end] == '_' || command[end] >= 'A' && command[end] <= 'Z') {
				end++
			}
			word.WriteString(variables[command[i+1:end]])
			i, begun = end-1, true
		case quote == 0 && (c == ' ' || c == '\n'):
			if begun {
				words = append(words, word.String())
			}
			word.Reset()
			begun = false
		default:
			word.WriteByte(c)
			begun = true
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}
