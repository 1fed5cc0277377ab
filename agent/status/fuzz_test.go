package status

import (
	"bufio"
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// requests are odd ones that the endpoint has to answer, or package http to refuse.
var oddRequests = []string{
	"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /health HTTP/1.0\r\n\r\n", "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n",
	"GET http://evil/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
	"POST /health HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello", "BREW /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"CONNECT evil:443 HTTP/1.1\r\nHost: evil:443\r\n\r\n", "GET //health//live HTTP/1.1\r\nHost: localhost:80:80\r\n\r\n", "GET /api/v1/state?a=" + strings.Repeat("%00", 2000) + " HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer  \t\r\n\r\n", "GET /metrics HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic %%%\r\n\r\n", "GET /debug/pprof/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "GET /health HTTP/1.1\r\nHost: localhost\r\nRange: bytes=0-0,-1\r\nIf-None-Match: *\r\nExpect: 100-continue\r\n\r\n",
	"GET /\x00 HTTP/1.1\r\nHost: \xff\r\n\r\n", "rubbish",
}

// FuzzRequest: whatever is asked, no handler panics, nothing is answered to a foreign
// host or without the token, and nothing but what the table of metrics knows.
func FuzzRequest(f *testing.F) {
	for _, r := range oddRequests {
		f.Add([]byte(r))
	}
	var log bytes.Buffer
	snap := good()
	open := NewServer(ServerOptions{Listen: "127.0.0.1:0", Collect: func() Snapshot { return snap }, Metrics: NewMetrics(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	locked := NewServer(ServerOptions{Listen: ":0", TokenFile: "none", Collect: func() Snapshot { return snap }, Metrics: NewMetrics(), Log: slog.New(slog.NewTextHandler(&log, nil))})
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, s := range []*Server{open, locked} {
			r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
			if err != nil {
				return // package http answers it
			}
			w := httptest.NewRecorder()
			s.srv.Handler.ServeHTTP(w, r)
			if log.Len() > 0 {
				t.Fatalf("%q: %s", b, &log)
			}
			switch w.Code {
			case 200, 206, 301, 304, 307, 308, 400, 401, 404, 405, 412, 416, 421:
			default:
				t.Errorf("%q: answer %d", b, w.Code)
			}
			if s == locked && w.Code < 300 && r.URL.Path != livePath && r.URL.Path != readyPath {
				t.Errorf("%q: answer %d without the token", b, w.Code)
			}
			if text, _ := io.ReadAll(w.Body); s == open && w.Code < 300 && !s.allowedHost(r.Host) {
				t.Errorf("%q: answered for host %q: %.100s", b, r.Host, text)
			}
		}
	})
}
