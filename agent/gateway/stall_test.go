package gateway

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
)

// deadlock is a log that never returns from the lines that a stage writes: whoever writes
// one hangs.
type deadlock struct {
	slog.Handler
	with  string // attributes of the log, as text
	hangs func(with, message string) bool
	until <-chan struct{}
}

func (d *deadlock) Enabled(context.Context, slog.Level) bool { return true }

func (d *deadlock) Handle(ctx context.Context, r slog.Record) error {
	if d.hangs != nil && d.hangs(d.with, r.Message) {
		<-d.until
	}
	return d.Handler.Handle(ctx, r)
}

func (d *deadlock) WithAttrs(as []slog.Attr) slog.Handler {
	c := *d
	c.Handler = d.Handler.WithAttrs(as)
	for _, a := range as {
		c.with += a.String() + " "
	}
	return &c
}

// TestStallEndsTheAgent: where no watchdog is, a stage that deadlocks ends the agent, which
// asks to be started again, and keeps what it was doing. Time is that of the test: it goes
// on when the stages that do not hang have made progress, however busy the computer is.
func TestStallEndsTheAgent(t *testing.T) {
	for _, c := range []struct {
		stage string
		also  string // a stage that stands still because of it
		hangs func(with, message string) bool
	}{
		{stage: "sampling of pump1", also: "scoring of pump1"},
		{stage: "scoring of pump1", hangs: func(with, message string) bool {
			return message == "event" && strings.Contains(with, "machine=pump1")
		}},
		{stage: "delivery", hangs: func(_, message string) bool { return strings.HasPrefix(message, "no connection to the broker") }},
		{stage: "the loop of the agent"},
	} {
		t.Run(c.stage, func(t *testing.T) {
			t.Parallel()
			conf := configured(t)
			conf.Machines[0].Resolved[0].Limits = &config.Limits{Warn: 41, Alarm: 100, WarnLow: 0, AlarmLow: -1}
			if c.stage == "delivery" {
				conf.MQTT.Broker = "tcp://127.0.0.1:1"
			}
			released := make(chan struct{})
			aborted, hup := make(chan struct{}), make(chan os.Signal, 1)
			g, err := New(Options{Config: conf, Hangup: hup, abortAfter: time.Millisecond, Abort: func() { close(aborted) },
				Log:    slog.New(&deadlock{Handler: slog.DiscardHandler, hangs: c.hangs, until: released}),
				Reload: func() (*config.Config, error) { <-released; return nil, errors.New("too late") }})
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- g.Run(t.Context()) }()
			switch c.stage {
			case "sampling of pump1":
				go hoard(g.plant, "pump1", released)
			case "the loop of the agent":
				hup <- os.Interrupt
			}
			pass(t, g, []string{c.stage, c.also}, aborted, ended)
			b, err := os.ReadFile(filepath.Join(conf.State, "stalled.txt"))
			if err != nil || !strings.Contains(string(b), "goroutine ") {
				t.Errorf("no goroutines are kept: %v", err)
			}
			close(released)
			if c.hangs == nil && c.also != "" {
				return // its rows are gone: it hangs for ever
			}
			if err := <-ended; !errors.Is(err, ErrRestart) || !strings.Contains(err.Error(), c.stage) {
				t.Errorf("the agent ends with %v", err)
			}
		})
	}
}

// hoard takes all rows of a machine and gives none back, until the end.
func hoard(p *plant, machine string, until <-chan struct{}) {
	s := p.group.Sampler(machine)
	for {
		select {
		case f, open := <-s.Frames():
			if !open {
				return
			}
			defer s.Release(f)
		case <-until:
			return
		}
	}
}

// pass lets time pass until the agent ends itself.
func pass(t *testing.T, g *Gateway, hang []string, aborted <-chan struct{}, ended chan error) {
	t.Helper()
	w := newWatchdog(g)
	w.wait, w.alone = func() time.Duration { return 0 }, 6
	all := append(stages(w.plant, w.broker), stage{"the loop of the agent", g.turns.Load, loopBudget})
	all = slices.DeleteFunc(all, func(s stage) bool { return slices.Contains(hang, s.name) })
	now, began := time.Now(), time.Now()
	for {
		before := make([]uint64, len(all))
		for i, s := range all {
			before[i] = s.progress()
		}
		for i := 0; i < len(all); {
			select {
			case <-aborted:
				return
			case err := <-ended: // what hangs did not keep it from a clean end
				ended <- err
				return
			case <-time.After(5 * time.Millisecond):
			}
			if time.Since(began) > 5*time.Minute {
				t.Fatalf("%s makes no progress", all[i].name)
			}
			if all[i].progress() != before[i] {
				i++
			}
		}
		now = now.Add(5 * time.Second)
		w.look(now)
		if d := now.Sub(began); d > 10*time.Minute {
			t.Fatalf("after %v of the test's time the agent still runs", d)
		}
	}
}
