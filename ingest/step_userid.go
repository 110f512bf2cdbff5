package ingest

import (
	"context"
	"encoding/binary"
	"net/netip"
	"strings"

	"github.com/dchest/siphash"
	"golang.org/x/net/publicsuffix"
)

// putUserID sets the user IDs of both salts, and the partition.
func (r run) putUserID(_ context.Context, e *Event) error {
	address := ""
	if e.Request.RemoteIP.IsValid() {
		address = e.Request.RemoteIP.String()
	}
	message := make([]byte, 0, 256)
	message = append(message, e.Request.UserAgent...)
	message = append(message, address...)
	message = append(message, e.Site.Domain...)
	message = append(message, rootDomain(e.Request.Hostname)...)
	e.EventAttributes.UserID = hash(e.Salts.Current, message)
	if e.Salts.Previous != [16]byte{} {
		e.PreviousUserID = hash(e.Salts.Previous, message)
	}

	message = binary.LittleEndian.AppendUint64(message[:0], e.Site.ID)
	message = append(append(message, address...), 0)
	message = append(message, e.Request.UserAgent...)
	e.Partition = hash(r.pipeline.config.PartitionKey, message)
	return nil
}

// hash is SipHash-2-4.
func hash(key [16]byte, message []byte) uint64 {
	return siphash.Hash(binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:]), message)
}

// rootDomain returns the registrable domain of a host, or the host if it has none.
func rootDomain(hostname string) string {
	if last := len(hostname) - 1; last >= 0 &&
		(hostname[last] >= '0' && hostname[last] <= '9' || strings.Contains(hostname, ":")) {
		if _, err := netip.ParseAddr(hostname); err == nil {
			return hostname
		}
	}
	root, err := publicsuffix.EffectiveTLDPlusOne(hostname)
	if err != nil {
		return hostname
	}
	return root
}
