package guard

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestLine(t *testing.T) {
	l := Line{High: 80, Critical: 95, Back: 5, After: 10 * time.Second}
	now := time.Now()
	said := 0
	for i, c := range []struct {
		seconds int
		v       float64
		want    Level
	}{
		{0, 79, Fine}, {1, 81, Fine}, {9, 99, Fine}, {1, 81, High}, {3, 76, High}, {1, math.NaN(), High}, {1, 75, High}, {1, 74.9, Fine},
		{1, 96, Fine}, {5, 79, Fine}, {1, 96, Fine}, {10, 96, Critical}, {1, 91, Critical}, {1, 89, High}, {1, 96, High}, {1, 0, Fine},
	} {
		now = now.Add(time.Duration(c.seconds) * time.Second)
		got, changed := l.Look(now, c.v)
		if got != c.want || got != l.Level() {
			t.Errorf("step %d: %v at %v, want %v", i, got, c.v, c.want)
		}
		if changed {
			said++
		}
	}
	if said != 5 {
		t.Errorf("said %d times, want 5", said)
	}
}

const mib = 1 << 20

// TestMemory goes through the steps: at 80 % one collection a minute, then telemetry, then
// learning; at 95 % for a minute the end; below 75 % all goes on.
func TestMemory(t *testing.T) {
	var m Memory
	now := time.Now()
	look := func(used uint64) Step { now = now.Add(time.Second); return m.Look(now, used*mib, 100*mib) }
	if s := look(79); s != (Step{}) {
		t.Errorf("%+v at 79 %%", s)
	}
	if s := look(81); s != (Step{Level: High, Changed: true, Collect: true}) {
		t.Errorf("%+v at 81 %%", s)
	}
	if s := look(81); s != (Step{Level: High, Shed: ShedTelemetry}) {
		t.Errorf("%+v after a collection that did not help", s)
	}
	said, collected, shed := 0, 0, 0
	for range 600 {
		s := look(79)
		if s.Changed {
			said++
		}
		if s.Collect {
			collected++
		}
		if s.Shed == ShedLearning {
			shed++
		}
	}
	if said != 0 || collected != 10 || shed != 591 {
		t.Errorf("in ten minutes said %d times, collected %d times, learning gave way for %d s", said, collected, shed)
	}
	for i := range 100 { // as it rises and falls between two collections by Go
		if s := look(uint64(60 + i%29)); s.Changed || s.Level != High {
			t.Fatalf("%+v at %d %%", s, 60+i%29)
		}
	}
	look(80)
	for i := range 30 {
		if s := look(74); s.Changed {
			t.Errorf("%+v after %d s at 74 %%", s, i)
		}
	}
	if s := look(74); s != (Step{Changed: true}) {
		t.Errorf("%+v at 74 %%", s)
	}
	for i := range 59 {
		if s := look(96); s.End {
			t.Fatalf("ends after %d s", i)
		}
	}
	look(89) // well below: the minute begins again
	for i := range 60 {
		if s := look(96); s.End {
			t.Fatalf("ends after %d s of the second time", i)
		}
	}
	if s := look(96); !s.End || s.Level != Critical {
		t.Errorf("%+v after a minute at 96 %%", s)
	}
	if s := look(96); s.End {
		t.Error("ends twice")
	}
	if s := new(Memory).Look(now, 1<<40, 0); s != (Step{}) {
		t.Errorf("%+v without a limit", s)
	}
}

// TestHost: each trouble is said when it begins and when it is over, whatever happens to
// the others.
func TestHost(t *testing.T) {
	var h Host
	now := time.Now()
	fine := Figures{CPU: 20, Disks: []Disk{{"/a", 40}, {"/b", 50}}, Heat: Heat{"cpu", 50, 80}}
	var said []string
	for i := range 1000 {
		now = now.Add(10 * time.Second)
		f := fine
		f.Disks = append([]Disk(nil), fine.Disks...)
		switch {
		case i >= 100 && i < 200:
			f.CPU = 95
		case i >= 220 && i < 240:
			f.CPU = 100 // for less than five minutes
		case i >= 300 && i < 400:
			f.Disks[1].Percent = 80 + float64(i%3) // wavers
		case i >= 400 && i < 410:
			f.Disks[1].Percent = 95
		case i >= 500 && i < 600:
			f.Heat.Celsius = 80 + float64(i%2)
		case i >= 700 && i < 701:
			f.Supply = "under-voltage"
		case i >= 800:
			f = Figures{CPU: math.NaN(), Heat: Heat{Celsius: math.NaN()}}
		}
		troubles, news := h.Look(now, f)
		for _, s := range news {
			said = append(said, s.Of+" "+[...]string{"fine", "high", "critical"}[s.Level])
			if s.Level != Fine && (s.Detail == "" || Worst(troubles, s.Of) != s.Level) {
				t.Errorf("%+v is said, in trouble are %+v", s, troubles)
			}
		}
	}
	want := "cpu high, cpu fine, disk_space high, disk_space critical, disk_space fine, temperature high, temperature fine, supply high, supply fine"
	if got := strings.Join(said, ", "); got != want {
		t.Errorf("said\n%s, want\n%s", got, want)
	}
}

var held [][]byte

// TestHeap: the profile names who holds memory, is bounded, and go tool pprof reads it.
func TestHeap(t *testing.T) {
	for range 64 {
		held = append(held, make([]byte, 1<<20))
	}
	defer func() { held = nil }()
	b := Heap()
	if !strings.HasPrefix(string(b), "heap profile: ") || !strings.Contains(string(b), "guard.TestHeap") || len(b) > 256<<10 {
		t.Fatalf("%d bytes: %.300s", len(b), b)
	}
	path := filepath.Join(t.TempDir(), "heap.txt")
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "tool", "pprof", "-top", self, path).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "TestHeap") {
		t.Errorf("pprof: %v: %s", err, out)
	}
}
