// Package idna stands in for vendor/golang.org/x/net/idna of the standard library, which
// net/http asks to write host names with other letters in ASCII (RFC 5891). Those of the
// agent are ASCII: `check` refuses others. The real package
// with its tables makes the amd64 binary 204 KiB larger (make build LEFTOUT=).
package idna

import "errors"

// ErrLeftOut is the error for a host name that is not ASCII.
var ErrLeftOut = errors.New("the host name is not ASCII: write it as xn--..., as your DNS server has it")

// Profile has the method that net/http calls.
type Profile struct{}

// Lookup is the profile that net/http uses.
var Lookup = &Profile{}

// ToASCII returns an ASCII name as it is, and ErrLeftOut for others. It is safe for
// concurrent use.
func (*Profile) ToASCII(s string) (string, error) {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return "", ErrLeftOut
		}
	}
	return s, nil
}

// ToASCII does what the method does.
func ToASCII(s string) (string, error) { return Lookup.ToASCII(s) }
