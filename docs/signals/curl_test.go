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
	for len(args) > 0 {
		name, value := args[0], ""
		args = args[1:]
		if name == "-H" || name == "-d" {
			if len(args) == 0 {
				return "", fmt.Errorf("%s needs a value", name)
			}
			value, args = args[0], args[1:]
		}
		switch {
		case name == "--fail-with-body":
		case name == "-H":
			key, text, ok := strings.Cut(value, ":")
			if !ok {
				return "", fmt.Errorf("%q is not a header", value)
			}
			header.Set(key, strings.TrimSpace(text))
		case name == "-d":
			method, data = http.MethodPost, value
		case url != "" || strings.HasPrefix(name, "-"):
			return "", fmt.Errorf("unexpected argument %q", name)
		default:
			url = name
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
