package clickhouse

import (
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseException(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text   string
		code   int
		want   string
		status int
	}{
		{
			"Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)", 62,
			"Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)", http.StatusBadRequest,
		},
		{
			"Code: 33. DB::Exception: Code: 33. DB::Exception: Cannot read. (CANNOT_READ_ALL_DATA) (version 26.5.1.1). (CANNOT_READ_ALL_DATA)", 33,
			"Code: 33. DB::Exception: Cannot read. (CANNOT_READ_ALL_DATA) (version 26.5.1.1)", http.StatusBadRequest,
		},
		{"Code: 60. DB::Exception: Code: 60. DB::Exception: odd", 60, "Code: 60. DB::Exception: odd", http.StatusNotFound},
		{"something else", codeUnknownException, "something else", http.StatusInternalServerError},
		{"Code: 99999999999999999999. DB::Exception: x", codeUnknownException, "Code: 99999999999999999999. DB::Exception: x", http.StatusInternalServerError},
	} {
		e := parseException(tc.text)
		require.Equal(t, tc.code, e.code)
		require.Equal(t, tc.want, e.Error())
		require.Equal(t, tc.status, e.status())
	}
}

func TestAsException(t *testing.T) {
	t.Parallel()
	inner := newException(codeAborted, "ended by %s", "us")
	require.Equal(t, "Code: 236. DB::Exception: ended by us. (ABORTED)", inner.Error())
	require.Equal(t, inner, asException(fmt.Errorf("run: %w", errors.Join(errors.New("x"), inner))))
	require.Equal(t, "Code: 1002. DB::Exception: x. (UNKNOWN_EXCEPTION)", asException(errors.New("x")).Error())
	for code, name := range codeNames {
		require.Contains(t, newException(code, "x").Error(), "("+name+")")
	}
}
