package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"time"
)

// probe is how long answers took, in rising order. The control is a bare server in this
// process, asked in turn: what it needs is what this machine costs at the moment.
type probe struct {
	health, control []time.Duration
	unanswered      int
}

// probe asks for the health every 50 ms until the channel is closed.
func (a *agent) probe(stop <-chan struct{}) (p probe) {
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("{}")) }))
	defer bare.Close()
	for {
		select {
		case <-stop:
			slices.Sort(p.health)
			slices.Sort(p.control)
			return p
		case <-time.After(50 * time.Millisecond):
		}
		begin := time.Now()
		status, _ := a.get("/health")
		if status == 0 || status == http.StatusUnauthorized {
			p.unanswered++
		} else {
			p.health = append(p.health, time.Since(begin))
		}
		begin = time.Now()
		if answer, err := client.Get(bare.URL); err == nil {
			answer.Body.Close()
			p.control = append(p.control, time.Since(begin))
		}
	}
}

// p99 is the 99th percentile of durations in rising order; an hour of none.
func p99(sorted []time.Duration) time.Duration {
	if len(sorted) == 0 {
		return time.Hour
	}
	return sorted[len(sorted)*99/100]
}

// prompt tells how soon the health was answered.
func (t *trial) prompt(fault string, p probe) {
	health, control := p99(p.health), p99(p.control)
	t.expect(health-control < 50*time.Millisecond, fault+": /health p99 (of a bare server)", "< 50 ms more", "%.1f ms (%.1f ms)", ms(health), ms(control))
	t.expect(p.unanswered == 0, fault+": /health unanswered", "0", "%d of %d", p.unanswered, p.unanswered+len(p.health))
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
