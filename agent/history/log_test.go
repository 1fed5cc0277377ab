package history

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"iot-edge-anomaly/agent/detect"
	"iot-edge-anomaly/agent/judge"
	"iot-edge-anomaly/agent/machine"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sampler"
	"iot-edge-anomaly/agent/status"
)

// bench is a gateway with clocks of its own. It looks each ten seconds, and writes
// whatever is to be written, unless its disk is away.
type bench struct {
	t       *testing.T
	dir     string
	log     *Log
	passed  time.Duration // of the monotonic clock
	wall    time.Time
	undated bool
	noDisk  bool
	model   string // sha256
	writes  int
	s       status.Snapshot
	begun   time.Time
	slow    time.Duration // between two looks, instead of step
}

const step = 10 * time.Second

func newBench(t *testing.T, wall string) *bench {
	t.Helper()
	at, err := time.Parse(time.RFC3339, wall)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: filepath.Join(t.TempDir(), Folder), wall: at, begun: time.Now()}
	b.start()
	return b
}

// start is a start of the agent: its counters begin with 0.
func (b *bench) start() {
	b.t.Helper()
	var err error
	if b.log, err = Open(b.dir); err != nil {
		b.t.Fatal(err)
	}
	b.s = status.Snapshot{ConfigSHA: "c1", Memory: 20 << 20, Machines: []machine.Status{{Name: "pump1", State: judge.Normal}}, Readings: []sampler.Reading{{Sensor: "pump", Bus: "line", Period: time.Second, Latency: 100 * time.Millisecond}}}
	b.s.Machines[0].Model.SHA256 = b.model
	b.look()
}

func (b *bench) look() {
	b.s.Now = b.wall
	write := b.log.Look(b.begun.Add(b.passed), &b.s, !b.undated)
	if write != nil && !b.noDisk {
		b.writes++
		if err := write(); err != nil {
			b.t.Error(err)
		}
	}
}

// run lets so much time pass, in which each row has a score.
func (b *bench) run(d time.Duration) {
	every := max(step, b.slow)
	for end := b.passed + d; b.passed < end; b.look() {
		b.passed, b.wall = b.passed+every, b.wall.Add(every)
		m := &b.s.Machines[0]
		m.Rows, m.Scored = m.Rows+10, m.Scored+10
		for range 10 {
			m.Scores.Add(0.4)
		}
		b.s.Readings[0].Reads += 10
		b.s.Inference[1] += 10
		b.s.DiskWritten += 4096
	}
}

func (b *bench) stop() {
	b.t.Helper()
	if err := b.log.End(); err != nil {
		b.t.Error(err)
	}
}

// days are the parts, a line each: day, from, to, up, starts, crashes, rows.
func (b *bench) days() string {
	b.t.Helper()
	r := b.log.Record("2020-01", "9999-12")
	if r.Damaged != nil {
		b.t.Errorf("damaged %q", r.Damaged)
	}
	var out []string
	for _, p := range r.Parts {
		rows := uint64(0)
		if m := p.Machine["pump1"]; m != nil {
			rows = m.Rows
		}
		out = append(out, fmt.Sprintf("%s %d-%d up %g starts %d crashes %d rows %d", p.Day[len("2026-"):], p.From, p.To, p.Up, p.Starts, p.Crashes, rows))
	}
	return strings.Join(out, "\n")
}

func (b *bench) want(what, want string) {
	b.t.Helper()
	if got := b.days(); got != want {
		b.t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

// TestLog_days: each day has its own counts, over months and a clean restart.
func TestLog_days(t *testing.T) {
	b := newBench(t, "2026-11-29T12:00:00Z")
	b.run(48 * time.Hour)
	b.want("two days later", "11-29 43200-86400 up 43190 starts 1 crashes 0 rows 43190\n11-30 0-86400 up 86400 starts 0 crashes 0 rows 86400\n12-01 0-43200 up 43210 starts 0 crashes 0 rows 43210")
	b.stop()
	b.wall = b.wall.Add(time.Hour)
	b.start()
	b.run(time.Hour)
	b.want("after a stop of an hour", "11-29 43200-86400 up 43190 starts 1 crashes 0 rows 43190\n11-30 0-86400 up 86400 starts 0 crashes 0 rows 86400\n12-01 0-50400 up 46810 starts 1 crashes 0 rows 46810")
	names, err := files(b.dir)
	if err != nil || strings.Join(names, " ") != "2026-11" {
		t.Errorf("%q, %v", names, err)
	}
	b.stop()
	b.wall = b.wall.Add(72 * time.Hour) // switched off over the weekend
	b.start()
	b.run(time.Minute)
	if got := b.days(); !strings.Contains(got, "12-04 50400-50460 up 60 starts 1 crashes 0 rows 60") || strings.Contains(got, "12-02") {
		t.Errorf("after three days without power:\n%s", got)
	}
	if r, err := Read(b.dir, "2026-12", "9999-12"); err != nil || len(r.Parts) != 2 || r.Parts[0].Starts != 1 || r.Parts[0].Machine["pump1"].scores.Count() != 46810 {
		t.Errorf("from the disk: %+v, %v", r, err)
	}
}

// TestLog_killed: a kill costs what was counted since the newest write, and is counted.
func TestLog_killed(t *testing.T) {
	b := newBench(t, "2026-12-01T06:00:00Z")
	b.run(40 * time.Minute)
	b.start() // nobody has stopped it
	b.want("killed after 40 minutes", "12-01 21600-24000 up 1800 starts 2 crashes 1 rows 1800")
	b.run(10 * time.Minute)
	for range 3 {
		b.start()
	}
	b.want("killed again and again", "12-01 21600-24600 up 1800 starts 5 crashes 4 rows 1800")
}

// TestLog_killedBetween: a crash between the two files of a finished day counts it once.
func TestLog_killedBetween(t *testing.T) {
	b := newBench(t, "2026-12-01T23:00:00Z")
	b.run(50 * time.Minute)
	b.stop()
	before, err := os.ReadFile(filepath.Join(b.dir, nowFile))
	if err != nil {
		t.Fatal(err)
	}
	b.run(20 * time.Minute)
	want := b.days()
	if err := os.WriteFile(filepath.Join(b.dir, nowFile), before, 0o600); err != nil {
		t.Fatal(err)
	}
	b.start()
	b.run(20 * time.Minute)
	if got := b.days(); strings.Count(got, "12-01") != 1 {
		t.Errorf("%s\nbefore\n%s", got, want)
	}
}

// TestLog_clock: until the clock is set nothing has a day; a clock that is set to another
// day ends the one before, forwards and backwards, and what passes is counted by the
// other clock.
func TestLog_clock(t *testing.T) {
	b := newBench(t, "1970-01-01T00:00:00Z")
	b.run(time.Hour)
	b.want("before the clock is set", "")
	b.start() // and a crash
	b.run(time.Minute)
	b.wall = time.Date(2026, 12, 1, 10, 0, 0, 0, time.UTC)
	b.run(time.Minute)
	b.want("set", "12-01 32350-36060 up 3720 starts 2 crashes 1 rows 3720")
	b.wall = b.wall.AddDate(0, 0, 3)
	b.run(time.Minute)
	b.wall = b.wall.AddDate(0, 0, -3)
	b.run(time.Minute)
	b.want("three days ahead for a minute", "12-01 32350-36060 up 3720 starts 2 crashes 1 rows 3720\n12-01 36130-36180 up 60 starts 0 crashes 0 rows 60\n12-04 36070-36120 up 60 starts 0 crashes 0 rows 60")
	for range 20 {
		b.wall = b.wall.AddDate(0, 0, 1)
		b.run(step)
		b.wall = b.wall.AddDate(0, 0, -1)
		b.run(step)
	}
	r := b.log.Record("2026-12", "9999-12")
	up := 0.0
	for _, p := range r.Parts {
		up += p.Up
	}
	if len(r.Parts) > 3*mostParts || up != 3720+120+400 {
		t.Errorf("a clock that flaps: %d parts, up %g", len(r.Parts), up)
	}
	b.undated = true
	b.stop()
	b.start()
	b.run(time.Hour)
	b.stop()
	b.start() // twice without a clock
	b.run(time.Hour)
	b.undated = false
	b.run(step)
	if r = b.log.Record("2026-12", "9999-12"); r.Parts[len(r.Parts)-1].Day == "" {
		t.Error(r.Parts)
	}
	up = 0
	for _, p := range r.Parts {
		up += p.Up
	}
	if up != 3720+120+400+7210 {
		t.Errorf("up %g", up)
	}
}

// TestLog_disk: what the disk does not take is kept, and written when it does.
func TestLog_disk(t *testing.T) {
	b := newBench(t, "2026-12-01T22:00:00Z")
	b.noDisk, b.slow = true, 10*time.Minute
	b.run(48 * time.Hour)
	b.noDisk = false
	b.run(20 * time.Minute)
	if got := b.days(); strings.Count(got, "\n") != 2 {
		t.Errorf("%s", got)
	}
	if r, err := Read(b.dir, "2026-12", "9999-12"); err != nil || len(r.Parts) != 3 {
		t.Errorf("%v, %v", r, err)
	}
	b.noDisk = true
	b.run((mostUnkept + 3) * 24 * time.Hour)
	b.noDisk = false
	b.s.Now = b.wall
	if err := b.log.write(false); err == nil || !strings.Contains(err.Error(), "does not take them") {
		t.Errorf("days that are lost are not told: %v", err)
	}
}

// TestLog_writes: a day writes some hundred pages and no more, and takes some hundred
// bytes on the disk.
func TestLog_writes(t *testing.T) {
	b := newBench(t, "2026-12-01T00:00:00Z")
	b.run(24 * time.Hour)
	if b.writes > 100 {
		t.Errorf("%d writes in a day", b.writes)
	}
}

// TestLog_size: the record of a day is below 100 bytes a sensor, on a gateway with eight of
// them, two machines, alarms and errors.
func TestLog_size(t *testing.T) {
	b := newBench(t, "2026-12-01T00:00:00Z")
	b.s.Machines = append(b.s.Machines, machine.Status{Name: "fan2", State: judge.Idle})
	b.s.Raised = map[report.Alarm]uint64{{Machine: "pump1", Kind: detect.ProcessAnomaly, Severity: detect.High, Cause: "pump.current"}: 3}
	for i := range 7 {
		b.s.Readings = append(b.s.Readings, sampler.Reading{Sensor: fmt.Sprint("sensor", i), Bus: "line", Period: time.Second, Reads: 86400, Errors: [4]uint64{uint64(i)}})
	}
	b.run(24 * time.Hour)
	names, _ := files(b.dir)
	st, err := os.Stat(filepath.Join(b.dir, names[0]+Ext))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes a day with 8 sensors and 2 machines", st.Size())
	if st.Size() > 800 {
		b, _ := os.ReadFile(filepath.Join(b.dir, names[0]+Ext))
		t.Errorf("%d bytes: %s", st.Size(), b)
	}
}

// TestLog_damage: a damaged line costs its day, and is told.
func TestLog_damage(t *testing.T) {
	b := newBench(t, "2026-11-27T00:00:00Z")
	b.slow = time.Minute
	b.run(72 * time.Hour)
	b.stop()
	path := filepath.Join(b.dir, "2026-11"+Ext)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text[20] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	r := b.log.Record("2026-11", "9999-12")
	if len(r.Parts) != 3 || len(r.Damaged) != 1 || !strings.Contains(r.Damaged[0], "damaged lines: 1") {
		t.Errorf("%d parts, damaged %q", len(r.Parts), r.Damaged)
	}
	if _, err := Check(path); err == nil {
		t.Error("fsck finds nothing")
	}
	now := filepath.Join(b.dir, nowFile)
	if _, err := Check(now); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(now, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := Open(b.dir); err == nil || l == nil {
		t.Error("a damaged day is not told")
	}
	if _, err := Check(now); err == nil {
		t.Error("fsck finds nothing")
	}
}

// TestLog_since: what is in force has its time over restarts, until it is another.
func TestLog_since(t *testing.T) {
	b := newBench(t, "2026-12-01T06:00:00Z")
	at := b.wall
	b.model = "m1"
	b.s.Machines[0].Model.SHA256 = "m1"
	b.run(time.Hour)
	b.stop()
	b.start()
	b.run(time.Hour)
	if got := b.log.Since(Config, "c1"); !got.Equal(at) {
		t.Errorf("configuration since %v, want %v", got, at)
	}
	if got := b.log.Since(ModelOf("pump1"), "m1"); !got.Equal(at.Add(step)) {
		t.Errorf("model since %v", got)
	}
	first := b.log.First()
	if n := first.Quantiles().N; n != 7200 {
		t.Errorf("the first day has %d rows", n)
	}
	b.run(30 * time.Hour)
	if first := b.log.First(); first.Quantiles().N > 86410 {
		t.Errorf("the first day has %d rows", first.Quantiles().N)
	}
	b.s.Machines[0].Model.SHA256 = "m2"
	b.run(step)
	if got := b.log.Since(ModelOf("pump1"), "m2"); !got.Equal(b.wall) || !b.log.Since(ModelOf("pump1"), "m1").IsZero() {
		t.Errorf("the new model since %v", got)
	}
	if first := b.log.First(); first.Quantiles().N != 10 {
		t.Errorf("the first day has %d rows", first.Quantiles().N)
	}
}

// TestPrune: old months go, and large ones.
// TestLog_unreadable: a month that can never be read gives way, is told, and costs no day
// that comes after it.
func TestLog_unreadable(t *testing.T) {
	for what, spoil := range map[string]func(path string) error{
		"a folder":    func(path string) error { return os.Mkdir(path, 0o700) },
		"too long":    func(path string) error { return os.WriteFile(path, make([]byte, mostMonth+1), 0o600) },
		"a pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
		"in a circle": func(path string) error { return os.Symlink(path, path) },
	} {
		for _, name := range []string{"2026-11" + Ext, nowFile} {
			b := newBench(t, "2026-11-27T00:00:00Z")
			b.slow = time.Minute
			b.run(time.Hour)
			b.stop()
			path := filepath.Join(b.dir, name)
			os.Remove(path)
			if err := spoil(path); err != nil {
				t.Fatal(err)
			}
			if r := b.log.Record("2026-11", "9999-12"); len(r.Parts) != 1 {
				t.Errorf("%s, %s: %d parts, damaged %q", what, name, len(r.Parts), r.Damaged)
			}
			told := 0
			l, err := Open(b.dir)
			if err != nil {
				told++
			}
			s := status.Snapshot{Now: b.wall}
			for d := time.Duration(0); d < 50*time.Hour; d += time.Minute {
				s.Now = b.wall.Add(d)
				if write := l.Look(b.begun.Add(d), &s, true); write != nil {
					if err := write(); err != nil {
						told++
					}
				}
			}
			if err := l.End(); err != nil || told != 1 {
				t.Errorf("%s, %s: told %d times; at the end %v", what, name, told, err)
			}
			if r, err := Read(b.dir, "2026-11", "9999-12"); err != nil || len(r.Parts) != 3 || len(r.Damaged) != 0 {
				t.Errorf("%s, %s: %d parts, damaged %q, %v", what, name, len(r.Parts), r.Damaged, err)
			}
			if _, err := os.Lstat(path + ".bad"); err != nil {
				t.Errorf("%s, %s: %v", what, name, err)
			}
		}
	}
}

// TestRecord_folder: where the folder cannot be read, that is told, and the day that goes
// on is there.
func TestRecord_folder(t *testing.T) {
	b := newBench(t, "2026-11-27T00:00:00Z")
	b.run(time.Hour)
	if err := os.RemoveAll(b.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if r := b.log.Record("2026-11", "9999-12"); len(r.Parts) != 1 || len(r.Damaged) != 1 {
		t.Errorf("%d parts, damaged %q", len(r.Parts), r.Damaged)
	}
}

// TestRead_newestDamaged: a damaged day is named, and costs no other.
func TestRead_newestDamaged(t *testing.T) {
	b := newBench(t, "2026-11-27T00:00:00Z")
	b.slow = time.Minute
	b.run(50 * time.Hour)
	b.stop()
	if err := os.Truncate(filepath.Join(b.dir, nowFile), 50); err != nil {
		t.Fatal(err)
	}
	if r, err := Read(b.dir, "2026-11", "9999-12"); err != nil || len(r.Parts) != 2 || len(r.Damaged) != 1 {
		t.Errorf("%d parts, damaged %q, %v", len(r.Parts), r.Damaged, err)
	}
}

// TestAsk: an answer has a few months, whatever is asked for.
func TestAsk(t *testing.T) {
	now := time.Date(2026, 12, 8, 0, 0, 0, 0, time.UTC)
	for asked, want := range map[Ask]string{
		{"2026-11", ""}: "2026-11 2026-12", {"2026-09", ""}: "2026-09 2026-12", {"2026-08", ""}: "at most 4 months", {"0001-01", ""}: "at most 4 months",
		{"2025-11", "2025-12"}: "2025-11 2025-12", {"2025-11", "2026-03"}: "at most 4 months", {"2026-11", "2025-01"}: "2026-11 2025-01",
		{"", ""}: "want a month", {"2026-13", ""}: "want a month", {"2026-11", "x"}: "at most 4 months",
	} {
		from, to, err := asked.Bounds(now)
		if got := fmt.Sprint(from, " ", to, " ", err); !strings.Contains(got, want) {
			t.Errorf("%+v: %s, want %s", asked, got, want)
		}
	}
	b := newBench(t, "2026-11-30T00:00:00Z")
	b.slow = time.Minute
	b.run(47 * time.Hour)
	b.stop()
	for _, months := range [][2]string{{"2026-11", "2026-11"}, {"2026-12", "2026-12"}} {
		r, err := Read(b.dir, months[0], months[1])
		if live := b.log.Record(months[0], months[1]); err != nil || len(r.Parts) != 1 || len(live.Parts) != 1 || r.Parts[0].Day[:7] != months[0] || live.Parts[0].Day[:7] != months[0] {
			t.Errorf("%s: %d parts on the disk, %d of the agent, %v", months[0], len(r.Parts), len(live.Parts), err)
		}
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for year := 2025; year <= 2026; year++ {
		for month := 1; month <= 12; month++ {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%02d%s", year, month, Ext)), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := prune(dir); err != nil {
		t.Fatal(err)
	}
	if names, _ := files(dir); len(names) != months || names[0] != "2025-11" {
		t.Errorf("%q", names)
	}
	for _, month := range []string{"2026-01", "2026-05"} {
		if err := os.Truncate(filepath.Join(dir, month+Ext), mostBytes/2+1); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(dir); err != nil {
		t.Fatal(err)
	}
	if names, _ := files(dir); len(names) != 11 || names[0] != "2026-02" {
		t.Errorf("%q", names)
	}
}

func FuzzParse(f *testing.F) {
	p := newPart("2026-12-01", 0)
	of(&p.Machine, "pump1").Scored = 7
	good, _ := line(p.Short())
	f.Add(good)
	k, _ := line(kept{Parts: []*Part{p}})
	f.Add(k)
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, text := range [][]byte{b, sum(b)} {
			parts, _ := parseMonth(text, "2026-12")
			now, _ := parseNow(text)
			for _, p := range append(parts, now.Parts...) {
				q := newPart(p.Day, p.From)
				q.add(p)
				if _, err := line(q.Short()); err != nil {
					t.Error(err)
				}
			}
		}
	})
}

// sum is a line with a right checksum.
func sum(b []byte) []byte {
	out, _ := line(jsonText(b))
	return out
}

type jsonText []byte

func (j jsonText) MarshalJSON() ([]byte, error) {
	if len(j) == 0 {
		return []byte("{}"), nil
	}
	return j, nil
}
