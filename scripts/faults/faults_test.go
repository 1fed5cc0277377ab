package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestFaults runs the quick cases against a program built as `make build` does it, two
// at a time. Their figures are counts: none depends on how busy this machine is.
func TestFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("needs installed programs")
	}
	program := filepath.Join(t.TempDir(), "agent")
	build := exec.Command("go", "build", "-trimpath", "-tags", "nethttpomithttp2", "-o", program, "./agent")
	build.Dir = "../.."
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	var chosen []fault
	for _, f := range faults {
		if f.quick {
			chosen = append(chosen, f)
		}
	}
	all := runAll(chosen, 2, trial{program: program, short: true}, false)
	var table strings.Builder
	if missed := print(&table, all); missed > 0 {
		t.Errorf("%d goals missed", missed)
	}
	t.Logf("\n%s", table.String())
	for _, o := range all {
		if len(o.figures) == 0 {
			t.Errorf("%s measured nothing: %v", o.name, o.err)
		}
	}
}

// TestChoose checks that a name which no case has is not passed over.
func TestChoose(t *testing.T) {
	if all, err := choose(""); err != nil || len(all) != len(faults) {
		t.Errorf("no names: %d of %d cases, %v", len(all), len(faults), err)
	}
	if two, err := choose("kill,flap"); err != nil || len(two) != 2 || two[0].name != "flap" {
		t.Errorf("flap and kill: %v, %v", two, err)
	}
	if _, err := choose("kill,kil"); err == nil || !strings.Contains(err.Error(), `no case "kil"; there are `) {
		t.Errorf("a wrong name beside a right one: %v", err)
	}
}

// TestBalance checks that the sums of the cases notice each kind of loss.
func TestBalance(t *testing.T) {
	open := func(seq uint64, id, e, state string, resent bool) event {
		return event{Seq: seq, ID: id, Event: e, State: state, Resent: resent}
	}
	for _, c := range []struct {
		name   string
		events []event
		want   balance
	}{
		{"whole", []event{open(1, "a", "e", "open", false), open(2, "b", "e", "close", false)}, balance{messages: 2}},
		{"lost", []event{open(2, "b", "e", "open", false), open(4, "c", "e", "close", false)}, balance{messages: 2, missing: 2}},
		{"repeated", []event{open(1, "a", "e", "open", false), open(1, "a", "e", "open", true)}, balance{messages: 2, repeated: 1}},
		{"unmarked", []event{open(1, "a", "e", "open", false), open(1, "a", "e", "open", false)}, balance{messages: 2, repeated: 1, unmarked: 1}},
		{"used twice", []event{open(1, "a", "e", "open", false), open(1, "b", "f", "open", true)}, balance{messages: 2, repeated: 1, unequal: 1}},
		{"disorder", []event{open(2, "b", "e", "open", false), open(1, "a", "f", "open", false)}, balance{messages: 2, disorder: 1}},
		{"close alone", []event{open(1, "a", "e", "close", false)}, balance{messages: 1, illogical: 1}},
		{"opened twice", []event{open(1, "a", "e", "open", false), open(2, "b", "e", "open", false)}, balance{messages: 2, illogical: 1}},
	} {
		if got := balanceOf(c.events); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestPrint checks that a missed goal and an error are counted, and what cannot be run is not.
func TestPrint(t *testing.T) {
	var b strings.Builder
	missed := print(&b, []outcome{
		{fault: fault{name: "good", broker: "NATS"}, figures: []figure{{"x", "0", "0", true}}, took: time.Second},
		{fault: fault{name: "bad"}, figures: []figure{{"x", "1", "0", false}}},
		{fault: fault{name: "broken"}, err: os.ErrNotExist},
		{fault: fault{name: "absent"}, err: errCannot},
	})
	if missed != 2 || strings.Count(b.String(), "MISSED") != 2 || strings.Count(b.String(), "not run") != 1 || strings.Count(b.String(), "NATS") != 1 || strings.Count(b.String(), "mosquitto") != 3 {
		t.Errorf("%d missed in\n%s", missed, b.String())
	}
}

// TestGrown checks that a leak is noticed within an hour and by a short run, and that
// the noise of a collector is not taken for one.
func TestGrown(t *testing.T) {
	for _, c := range []struct {
		name   string
		length time.Duration
		leak   float64 // bytes an hour
		more   float64 // goroutines in the second half
		missed int
	}{
		{"an hour", time.Hour, 0, 0, 0},
		{"an hour, a leak of 1.5 MiB", time.Hour, 1.5 * (1 << 20), 0, 3},
		{"two minutes", 2 * time.Minute, 0, 0, 0},
		{"two minutes, a leak of 10 MiB", 2 * time.Minute, 300 * (1 << 20), 0, 3},
		{"an hour, one goroutine", time.Hour, 0, 1, 1},
	} {
		var moments []moment
		for at := time.Duration(0); at < c.length; at += 5 * time.Second {
			m := moment{at: at, rss: 3e7 + c.leak*at.Hours(), heap: 5e6 + c.leak*at.Hours() + 1e6*float64(len(moments)*7%5), goroutines: 60, fds: 30, connected: true}
			if m.pss = m.rss; at > c.length/2 {
				m.goroutines += c.more
			}
			moments = append(moments, m)
		}
		var tr trial
		tr.grown("x", moments)
		missed := 0
		for _, f := range tr.figures {
			if !f.met {
				missed++
			}
		}
		if missed != c.missed {
			t.Errorf("%s: %d goals missed, want %d: %+v", c.name, missed, c.missed, tr.figures)
		}
	}
}
