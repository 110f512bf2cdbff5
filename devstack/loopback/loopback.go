// Package loopback keeps engines without passwords to the programs of this machine: they listen on
// loopback addresses, and do not answer requests that a browser makes for a page of another site.
package loopback

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// IsHost says whether a host is this machine: a loopback address, "localhost", or a name below it.
func IsHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	address, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && address.Unmap().IsLoopback()
}

// CheckAddress refuses an address, host:port, that others than this machine reach.
func CheckAddress(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: want host:port: %w", address, err)
	}
	if host == "localhost" || host != "" && IsHost(host) && net.ParseIP(host) != nil {
		return nil
	}
	return fmt.Errorf("address %q: want a loopback host such as 127.0.0.1, because it asks for no password", address)
}

// CheckRequest refuses what a program of this machine does not send: a request for another host,
// whose name was made to lead here (DNS rebinding), and one that a browser makes for a page of
// another site. Pages of this machine may make requests.
func CheckRequest(r *http.Request) error {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if !IsHost(host) {
		return fmt.Errorf("the request is for the host %q: want localhost or 127.0.0.1", host)
	}
	origins := r.Header.Values("Origin")
	for _, origin := range origins {
		if u, err := url.Parse(origin); err != nil || !IsHost(u.Hostname()) {
			return fmt.Errorf("the request is from a page of %q: only pages of this machine may ask", origin)
		}
	}
	if len(origins) > 0 {
		return nil
	}
	// Browsers send no Origin with simple requests, such as those for images, but this header.
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin":
		return nil
	default:
		return errors.New("the request is from a page of another site")
	}
}

// Handler answers requests that CheckRequest refuses with 403 Forbidden, and hands on the others.
func Handler(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := CheckRequest(r); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}
