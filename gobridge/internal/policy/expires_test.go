package policy

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func jwt(claims string) string {
	return "eyJhbGciOiJIUzI1NiJ9." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

func TestExpires(t *testing.T) {
	for _, tt := range []struct {
		name, token string
		want        int64
	}{
		{"exp", jwt(`{"sub":"a","exp":1700000000}`), 1700000000000},
		{"with a fraction", jwt(`{"exp":1700000000.5}`), 1700000000500},
		{"with an exponent", jwt(`{"exp":17e8}`), 1700000000000},
		{"the epoch", jwt(`{"exp":0}`), 1},
		{"of a header", "Bearer " + jwt(`{"exp":5}`), 5000},
		{"no signature", strings.TrimSuffix(jwt(`{"exp":5}`), "c2lnbmF0dXJl"), 5000},
		{"none", jwt(`{"sub":"a"}`), 0},
		{"text", jwt(`{"exp":"1700000000"}`), 0},
		{"negative", jwt(`{"exp":-1}`), 0},
		{"beyond all time", jwt(`{"exp":1e300}`), 0},
		{"twice", jwt(`{"exp":1,"exp":2}`), 0},
		{"another name", jwt(`{"EXP":1}`), 0},
		{"a list", jwt(`[1]`), 0},
		{"two parts", "a.b", 0},
		{"five parts", "a.b.c.d.e", 0},
		{"no base64", "a.???.c", 0},
		{"nothing", "", 0},
	} {
		require.Equal(t, tt.want, Expires(tt.token), tt.name)
	}
}

func FuzzExpires(f *testing.F) {
	f.Add(jwt(`{"exp":1700000000}`))
	f.Add("Bearer a.e30.b")
	f.Fuzz(func(t *testing.T, token string) {
		ms := Expires(token)
		require.GreaterOrEqual(t, ms, int64(0))
		require.LessOrEqual(t, ms, int64(maxExpires*1000))
	})
}
