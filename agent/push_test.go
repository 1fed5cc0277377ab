package main

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/driverstest"
)

// importer takes pushed metrics as VictoriaMetrics does, and counts those of a gateway.
func importer(t *testing.T, got *atomic.Int64) *httptest.Server {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		b, err := io.ReadAll(z)
		if err == nil && r.URL.Path == "/api/v1/import/prometheus" && strings.Contains(string(b), `samples_processed_total{job="iot-edge-anomaly",instance="gw7",machine="fan1"} `) {
			got.Add(1)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestPush: a running agent pushes its metrics; a reload has it push elsewhere, and an
// address where nobody listens is told by status.
func TestPush(t *testing.T) {
	t.Parallel()
	var one, two atomic.Int64
	first, second := importer(t, &one), importer(t, &two)
	r := startReloadable(t, "", driverstest.FreeAddr(t))
	r.edit("spool: {max: 8MiB}", "spool: {max: 8MiB}\nmetrics: {push: \""+first.URL+"/api/v1/import/prometheus\", interval: 1s}")
	r.reload(0, "reloaded: metrics")
	waitFor(t, 60*time.Second, "the first address hears of a machine", func() bool { return one.Load() > 1 })
	r.edit(first.URL, second.URL)
	r.reload(0, "reloaded: metrics")
	waitFor(t, 60*time.Second, "the second address hears of a machine", func() bool { return two.Load() > 1 })
	r.edit(second.URL, "http://"+driverstest.FreeAddr(t))
	r.reload(0, "reloaded: metrics")
	waitFor(t, 60*time.Second, "the trouble is told", func() bool {
		code, out := r.verb("status")
		return code == 1 && strings.Contains(out, "not pushed") && strings.Contains(out, "refused")
	})
}
