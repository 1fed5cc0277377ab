package clients

import (
	"bufio"
	"bytes"
	"net/http"
	"testing"
)

// FuzzWhole: what package http takes for a request header is never held back, and
// nothing panics.
func FuzzWhole(f *testing.F) {
	for _, s := range []string{request, "GET / HTTP/1.0\n\n", "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\n b: c\r\n\n", "\x16\x03\x01\x00\x02ab", "rubbish\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 || len(text) > 8<<10 {
			return
		}
		b := append(make([]byte, 0, 8<<10), text...)
		if _, ok := whole(b); ok {
			return
		}
		if r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b))); err == nil {
			t.Errorf("%q is a request for %s and is held back", text, r.URL)
		}
	})
}
