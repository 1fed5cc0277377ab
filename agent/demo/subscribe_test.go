package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/agent/status/page"
)

func TestPoll(t *testing.T) {
	var asked atomic.Int64
	good := page.ServeState(func() page.State { return state("learning", 0.5, nil) })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			http.Error(w, "starting", http.StatusServiceUnavailable)
			return
		}
		good.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	var got page.State
	Poll(ctx, server.URL, func(s page.State) { got = s; stop() })
	if len(got.Machines) != 1 || got.Machines[0].Learning == nil || got.Machines[0].Learning.Progress != 0.5 {
		t.Errorf("state %+v", got)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("asked %d times, want once in vain and once with success", n)
	}
}
