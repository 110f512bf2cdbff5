package tracker_test

import (
	"html/template"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// packages is where npm installs the tracker.
const packages = "../npm/node_modules"

// pages are those of three hosts: a shop that uses the tracker, a page that links to it and one that it links to.
type pages struct {
	// Domain is the site of the shop, Endpoint where its events go.
	Domain, Endpoint string
	// News, Shop and Partner are addresses of pages, Prices that of a file.
	News, Shop, Partner, Prices string
}

// serve serves the pages until the test ends.
func serve(t *testing.T, domain, server string) pages {
	t.Helper()
	script := filepath.Join(packages, "@plausible-analytics", "tracker", "plausible.js")
	require.FileExists(t, script, "`make browser` installs it")
	mux := http.NewServeMux()
	listening := httptest.NewServer(mux)
	t.Cleanup(listening.Close)
	_, port, err := net.SplitHostPort(listening.Listener.Addr().String())
	require.NoError(t, err)
	_, serverPort, err := net.SplitHostPort(server)
	require.NoError(t, err)
	at := func(host, port, path, query string) string {
		u := url.URL{Scheme: "http", Host: net.JoinHostPort(host, port), Path: path, RawQuery: query}
		return u.String()
	}
	p := pages{
		Domain: domain,
		// Another host than that of the page, as it is for most sites.
		Endpoint: at("events.example", serverPort, "/api/event", ""),
		News:     at("news.example", port, "/news", ""),
		Shop:     at("www."+domain, port, "/", "utm_campaign=spring"),
		Partner:  at("partner.example", port, "/offer", "id=7"),
		Prices:   at("www."+domain, port, "/prices.pdf", ""),
	}
	mux.Handle("/npm/", http.StripPrefix("/npm/", http.FileServer(http.Dir(packages))))
	mux.Handle("/shop.js", http.FileServer(http.Dir("testdata")))
	mux.HandleFunc("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	for path, file := range map[string]string{"/{$}": "shop.html", "/news": "news.html", "/offer": "offer.html"} {
		page, err := template.ParseFiles(filepath.Join("testdata", file))
		require.NoError(t, err)
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			if err := page.Execute(w, p); err != nil {
				panic(err) // the browser sees that the answer ends early
			}
		})
	}
	return p
}
