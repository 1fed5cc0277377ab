package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/report"
)

// A stage that is deadlocked is named within its budget, so that the watchdog is not fed,
// and the rest goes on. These deadlocks are injected where the program calls out: into the
// network and into the configuration's reader.
func TestDeadlock(t *testing.T) {
	var block chan bool
	for want, inject := range map[string]func(*Options) func(){
		"delivery": func(o *Options) func() {
			o.dial = func(context.Context, string, string) (net.Conn, error) {
				<-block
				return nil, errors.New("released")
			}
			return func() {}
		},
		"the loop of the agent": func(o *Options) func() {
			hangup := make(chan os.Signal, 1)
			o.Hangup, o.Reload = hangup, func() (*config.Config, error) {
				<-block
				return nil, errors.New("released")
			}
			return func() { hangup <- syscall.SIGHUP }
		},
	} {
		t.Run(want, func(t *testing.T) {
			c := pumps(t, 1, "")
			synctest.Test(t, func(t *testing.T) {
				block = make(chan bool)
				o := Options{Config: c, Log: slog.New(slog.DiscardHandler), dial: newSubscriber().dial}
				begin := inject(&o)
				g, ended := running(t, o)
				time.Sleep(5 * time.Second)
				begin()
				time.Sleep(55 * time.Second)
				if s := g.stalled.Load(); want == "the loop of the agent" && s != "" {
					t.Errorf("%q is said to stall before its time", s)
				}
				rows := g.plant.units[0].Status().Rows
				time.Sleep(10 * time.Second)
				if s := g.stalled.Load(); s != want {
					t.Errorf("%q stalls, want %q", s, want)
				}
				if n := g.plant.units[0].Status().Rows - rows; n < 9 {
					t.Errorf("%d rows in ten seconds", n)
				}
				close(block)
				time.Sleep(5 * time.Second)
				if s := g.stalled.Load(); s != "" {
					t.Errorf("%q stalls after the end of the deadlock", s)
				}
				ended()
			})
		})
	}
}

// Scoring that is deadlocked, in real time: what waits for a mutex cannot be seen to wait
// in a bubble.
func TestDeadlock_scoring(t *testing.T) {
	if testing.Short() {
		t.Skip("takes twelve seconds")
	}
	var armed atomic.Bool
	block := make(chan bool)
	c := flapping(t, 50*time.Millisecond)
	g, ended := running(t, Options{Config: c, Log: slog.New(slog.DiscardHandler), clock: func() report.Clock {
		if armed.Load() { // an event holds what the Reporter holds
			<-block
		}
		return Clock()
	}})
	armed.Store(true)
	want := "scoring of tank1"
	for end := time.Now().Add(2 * time.Minute); !strings.HasPrefix(g.stalled.Load().(string), want); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q stalls, want %q", g.stalled.Load(), want)
		}
	}
	armed.Store(false)
	close(block)
	ended()
}

// running starts a gateway; the function ends it.
func running(t *testing.T, o Options) (g *Gateway, end func()) {
	t.Helper()
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	return g, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
