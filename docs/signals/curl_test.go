package signals

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// curl carries out a command line of curl, as far as the page goes.
func curl(ctx context.Context, args []string) (body string, err error) {
	method, url, data := http.MethodGet, "", ""
	header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for i := 0; i < len(args); i++ {
		value := ""
		if strings.HasPrefix(args[i], "-") && args[i] != "--fail-with-body" {
			if i++; i == len(args) {
				return "", fmt.Errorf("%s needs a value", args[i-1])
			}
			value = args[i]
		}
		switch arg := args[i-min(len(value), 1)]; arg {
		case "--fail-with-body":
		case "-H":
			name, text, ok := strings.Cut(value, ":")
			if !ok {
				return "", fmt.Errorf("%q is not a header", value)
			}
			header.Set(name, strings.TrimSpace(text))
		case "-d":
			method, data = http.MethodPost, value
		default:
			if url != "" || strings.HasPrefix(arg, "-") {
				return "", fmt.Errorf("unexpected argument %q", arg)
			}
			url = arg
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(data))
	if err != nil {
		return "", err
	}
	request.Header = header
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= http.StatusBadRequest {
		err = fmt.Errorf("the requested URL returned error: %d", response.StatusCode)
	}
	return string(text), err
}
