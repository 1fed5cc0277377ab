package review

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/history"
	"iot-edge-anomaly/agent/status"
)

var now = time.Date(2026, 12, 8, 12, 0, 0, 0, time.UTC)

// part is a day of a gateway with one machine that had so many anomalies.
func part(day string, up float64, anomalies uint64) *history.Part {
	p := &history.Part{ID: uint32(len(day)) + uint32(anomalies), Day: day, To: 86400, Up: up, Latency: []uint64{0, 1000, 10}, Busy: up / 10, CPU: 40, Memory: 12 << 10, Limit: 128 << 10, Disk: 41, Written: 4000, Queue: 3,
		Errors:  map[string]uint64{"sensors: timeout": 7},
		Buses:   map[string]*history.BusPart{"line": {Busy: up / 4, Most: 31}},
		Sensors: map[string]*history.SensorPart{"pump": {Reads: 86400, Errors: 86}},
		Machine: map[string]*history.MachinePart{"pump1": {Rows: 86400, Scored: 86000, Watched: up, Drift: 0.2, Scores: []uint64{12, 900, 90, 10}}}}
	if anomalies > 0 {
		p.Alarms = map[string]uint64{"pump1|process_anomaly|high|pump.current": anomalies}
	}
	return p
}

// days are those of a gateway from a day on.
func days(from string, n int, anomalies uint64) (out []*history.Part) {
	at, err := time.Parse(time.DateOnly, from)
	if err != nil {
		panic(err)
	}
	for i := range n {
		out = append(out, part(at.AddDate(0, 0, i).Format(time.DateOnly), 86400, anomalies))
	}
	return out
}

func answer(parts ...*history.Part) *history.Answer {
	a := &history.Answer{Device: "gw7", Site: "plant-3", Now: now, Wanted: map[string]float64{"pump1": 1}, Wear: history.Wear{Device: "mmcblk0", Percent: 20}}
	a.Parts = parts
	a.Live = &history.Live{Health: status.Health{Status: status.Degraded, Plant: "normal", Checks: map[string]status.Check{"sensors": {Status: status.Degraded, Detail: "drive: no answer"}, "clock": {}}},
		Figures: status.Figures{Models: map[string]status.ModelFigures{"pump1": {Learnt: &status.Quantiles{P50: 0.4, P95: 0.6, P99: 0.8}}}, Certificates: []status.Certificate{{Of: "mqtt", Expires: now.AddDate(0, 0, 9)}}, Queue: &status.QueueFigures{Messages: 2, MaxBytes: 64 << 20}}}
	return a
}

// serve has an agent answer a, and returns what to ask it with.
func serve(t *testing.T, a *history.Answer) Options {
	t.Helper()
	dir, err := os.MkdirTemp("", "review")
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Socket: filepath.Join(dir, "s"), Now: now}
	srv := control.New(control.Options{Socket: o.Socket, Log: slog.New(slog.DiscardHandler), Verbs: []control.Verb{{Name: "history", Do: func(_ context.Context, r control.Request) (any, error) {
		var asked history.Ask
		if err := r.Decode(&asked); err != nil {
			return nil, err
		}
		out := *a
		out.Parts = nil
		for _, p := range a.Parts {
			if p.Day >= asked.From {
				out.Parts = append(out.Parts, p)
			}
		}
		return out, nil
	}}}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); srv.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-done; os.RemoveAll(dir) })
	for end := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		var got history.Answer
		if control.Ask(ctx, o.Socket, "history", history.Ask{}, &got) == nil { // the file is there before anybody listens
			return o
		}
		if time.Now().After(end) {
			t.Fatal("no socket")
		}
	}
}

// has checks that a text has all of some parts.
func has(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(strings.Join(strings.Fields(text), " "), p) {
			t.Errorf("no %q in\n%s", p, text)
		}
	}
}

// TestWeek: a week with a day without a record, a crash, alarms, errors and a certificate
// that expires; the level is that of the agent.
func TestWeek(t *testing.T) {
	all := append(days("2026-11-20", 12, 1), days("2026-12-03", 6, 0)...)
	last := all[len(all)-1]
	*last = *part(last.Day, 43000, 0)
	last.To, last.Starts, last.Crashes = 43200, 2, 1
	o := serve(t, answer(all...))
	text, level, err := Status(context.Background(), o, 168*time.Hour)
	if err != nil || level != status.Degraded {
		t.Fatal(level, err)
	}
	has(t, text, "gw7, site plant-3, 2026-12-01 to 2026-12-08: degraded, plant normal",
		"! sensors: degraded: drive: no answer",
		"! no record of 2026-12-02: the gateway was off, or its clock was wrong",
		"! it was started once after a crash",
		"The gateway ran 6.5 d of 7.5 d (86.64 %), and was started 2 times",
		"pump1 process_anomaly high pump.current 1",
		"pump1 100 % 0 % 0 % 0 % 0.20 - ", "0.4 0.6 0.8",
		"pump 604800 602 0.09954 %",
		"sensors: timeout 49",
		"bus line busy, mean 25 %", "memory, most 12.6 MB of 134 MB", "written in a day of running 4.41 MB", "CPU of the gateway, mean 10 %",
		"! the certificate of mqtt expires on 2026-12-17", "mqtt 2026-12-17 9")
	o.JSON = true
	if text, _, err = Status(context.Background(), o, 168*time.Hour); err != nil {
		t.Fatal(err)
	}
	var got struct {
		From   string
		Period struct {
			Missing []string
			Crashes int
			Alarms  []history.Alarm
			Errors  map[string]uint64
		}
		Live *history.Live
	}
	if err := json.Unmarshal([]byte(text), &got); err != nil || got.From != "2026-12-01" || len(got.Period.Missing) != 1 || got.Period.Crashes != 1 || got.Period.Alarms[0].Cause != "pump.current" || got.Period.Errors["sensors: timeout"] != 49 || got.Live.Health.Status != status.Degraded {
		t.Errorf("%v: %s", err, text)
	}
}

// TestMonth: a month beside the month before; the month that goes on; a month of which
// nothing is known.
func TestMonth(t *testing.T) {
	all := append(append(days("2026-10-21", 11, 0), days("2026-11-01", 10, 3)...), days("2026-11-14", 25, 0)...)
	o := serve(t, answer(all...))
	o.HTML = filepath.Join(t.TempDir(), "month.html")
	text, err := Month(context.Background(), o, "")
	if err != nil {
		t.Fatal(err)
	}
	has(t, text, "gw7, site plant-3, November 2026: 30 alarms of machines, ran 90 % of the time",
		"! no record of 2026-11-11 to 2026-11-13",
		"machine kind severity cause opened month before", "pump1 process_anomaly high pump.current 30 0",
		"pump1 1 30 33 0",
		"! machine pump1 alarms far more often",
		"Accuracy is not known", "life of the card mmcblk0 says that up to 20 % of its life is used 80 %", "time of bus line 31 % at the most 69 %", "memory 12.6 MB of 134 MB at the most 90.62 %",
		"15 GB written by the agent")
	page, err := os.ReadFile(o.HTML)
	if err != nil {
		t.Fatal(err)
	}
	has(t, string(page), "<h1>gw7, site plant-3, November 2026</h1>", "Events by machine and cause", "Scores of pump1 by day", "Accuracy is not known")
	if strings.Contains(string(page), "NaN") || strings.Contains(string(page), "<script") {
		t.Error("the page has NaN or a script")
	}
	o.HTML = filepath.Dir(o.HTML)
	if _, err := Month(context.Background(), o, "2026-11"); err != nil {
		t.Fatal(err)
	}
	if again, err := os.ReadFile(filepath.Join(o.HTML, "gw7-2026-11.html")); err != nil || string(again) != string(page) {
		t.Errorf("the page in a folder is another: %v", err)
	}
	o.HTML = ""
	if text, err = Month(context.Background(), o, "2026-12"); err != nil {
		t.Fatal(err)
	}
	has(t, text, "December 2026: 0 alarms", "The month is not over", "No event opened.")
	if text, err = Month(context.Background(), o, "2026-10"); err != nil {
		t.Fatal(err)
	}
	has(t, text, "The record begins on 2026-10-21.", "ran 11 d of 11 d")
	if strings.Contains(text, "month before") {
		t.Error("a month before the first is shown")
	}
	if text, err = Month(context.Background(), o, "2026-01"); err != nil {
		t.Fatal(err)
	}
	has(t, text, "! there is no record of this month")
	if text, err = Month(context.Background(), o, "2027-01"); err != nil {
		t.Fatal(err)
	}
	has(t, text, "! this month has not begun: it is 2026-12-08 by the clock of the gateway")
	for _, bad := range []string{"2026", "2026-13", "../../x", "2026-11-01"} {
		if IsMonth(bad) {
			t.Errorf("%q is a month", bad)
		}
	}
	o.HTML = filepath.Join(t.TempDir(), "no", "folder.html")
	if _, err := Month(context.Background(), o, ""); err == nil || !strings.Contains(err.Error(), "--html "+o.HTML) {
		t.Error(err)
	}
	new := serve(t, answer(days("2026-12-05", 4, 0)...))
	if text, err = Month(context.Background(), new, ""); err != nil {
		t.Fatal(err)
	}
	has(t, text, "December 2026", "The record begins on 2026-12-05.")
	damaged := answer(days("2026-11-01", 30, 0)...)
	damaged.Damaged = []string{"2026-11: damaged lines: 2"}
	if text, err = Month(context.Background(), serve(t, damaged), ""); err != nil {
		t.Fatal(err)
	}
	has(t, text, "! the record is damaged, and what it held is missing here: 2026-11: damaged lines: 2")
}

// TestMonth_disk: where no agent runs the days come from the state folder.
func TestMonth_disk(t *testing.T) {
	dir := t.TempDir()
	l, err := history.Open(filepath.Join(dir, history.Folder))
	if err != nil {
		t.Fatal(err)
	}
	for begun, d := time.Now(), time.Duration(0); d <= 48*time.Hour; d += time.Minute {
		if write := l.Look(begun.Add(d), &status.Snapshot{Now: now.AddDate(0, 0, -2).Add(d)}, true); write != nil {
			if err := write(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := l.End(); err != nil {
		t.Fatal(err)
	}
	o := Options{Socket: filepath.Join(dir, "none"), Now: now, Config: func() (*config.Config, error) {
		return &config.Config{Gateway: config.Gateway{ID: "gw7", Site: "s"}, State: dir}, nil
	}}
	text, err := Month(context.Background(), o, "2026-12")
	if err != nil {
		t.Fatal(err)
	}
	has(t, text, "gw7, site s, December 2026", "! no agent runs", "ran 2 d of 2 d (100 %)")
	if _, _, err := Status(context.Background(), o, time.Hour); !errors.Is(err, control.ErrNotRunning) {
		t.Error(err)
	}
	o.Config = func() (*config.Config, error) { return nil, fmt.Errorf("no configuration") }
	if _, err := Month(context.Background(), o, ""); err == nil {
		t.Error("no error without agent and configuration")
	}
}
