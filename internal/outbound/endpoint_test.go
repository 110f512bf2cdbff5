package outbound_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/outbound"
)

func TestIsEndpoint(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"https://api.example.com/v2", "http://127.0.0.1:8080"} {
		require.True(t, outbound.IsEndpoint(text), text)
	}
	for _, text := range []string{
		"", "api.example.com", "ftp://api.example.com", "https://", "https://user@api.example.com",
		"https://api.example.com?key=1", "https://api.example.com#part", "http://[::1",
	} {
		require.False(t, outbound.IsEndpoint(text), text)
	}
}
