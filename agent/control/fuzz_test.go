package control

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"

	"iot-edge-anomaly/agent/config"
)

// FuzzServe: whatever is asked, nothing panics, a change is made by POST only, and what
// the verb gets is what the client sent.
func FuzzServe(f *testing.F) {
	for _, r := range []string{
		"GET /v1/read HTTP/1.1\r\nHost: a\r\n\r\n", "POST /v1/change HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n{\"word\":\"a\"}", "POST /v1/change HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n[]{}",
		"GET /v1/change HTTP/1.1\r\nHost: a\r\n\r\n", "POST /v1/../v1//change?x=%00 HTTP/1.1\r\nHost: \xff\r\nContent-Length: 0\r\n\r\n", "DELETE /v1/read HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST /v1/change HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "POST /v1/change HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nx", "rubbish",
	} {
		f.Add([]byte(r))
	}
	audit, err := OpenAudit(filepath.Join(f.TempDir(), "changes.json"))
	if err != nil {
		f.Fatal(err)
	}
	var log bytes.Buffer
	changed := 0
	s := New(Options{Audit: audit, Log: slog.New(slog.NewTextHandler(&log, nil)), Verbs: []Verb{
		{Name: "read", Do: func(context.Context, Request) (any, error) { return word{}, nil }},
		{Name: "change", Changes: true, Do: func(_ context.Context, r Request) (any, error) {
			changed++
			var w word
			if err := r.Decode(&w); err != nil {
				return nil, config.Refuse(err)
			}
			if len(r.Body) > maxBody {
				return nil, errors.New("too much")
			}
			return w, nil
		}},
	}})
	ctx := context.WithValue(f.Context(), peerKey{}, Peer{PID: 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(b)))
		if err != nil {
			return // package http answers it
		}
		before := changed
		w := httptest.NewRecorder()
		s.srv.Handler.ServeHTTP(w, r.WithContext(ctx))
		if log.Len() > 0 {
			t.Fatalf("%q: %s", b, &log)
		}
		if changed != before && r.Method != "POST" {
			t.Errorf("%q: %s changed something", b, r.Method)
		}
		if w.Code >= 500 {
			t.Errorf("%q: answer %d: %s", b, w.Code, w.Body)
		}
	})
}
