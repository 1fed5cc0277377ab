package history

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
)

// Version is what is in force, and since when.
type Version struct {
	SHA256 string    `json:"sha256"`
	Since  time.Time `json:"since,omitzero"` // zero = the clock was not set
}

const (
	writeEvery = 15 * time.Minute
	firstDay   = 24 * time.Hour // how long models are new
	plausible  = 2020           // a wall clock before this year is not set, whatever it says of itself
	mostUnkept = 40             // parts that wait for a disk
)

// Log takes looks at a gateway and keeps its days. It is safe for concurrent use.
type Log struct {
	dir string

	writing sync.Mutex // held while a file is written

	mu      sync.Mutex
	now     *Part   // that goes on
	done    []*Part // that are over and not in the file of their month yet
	since   map[string]Version
	first   []uint64 // latency, in the time that the models are new
	firstS  float64
	before  counters
	at      time.Time // of the newest look; zero = none
	wall    time.Time // of it, by the wall clock
	written time.Time // when a write was begun; zero = never
	lost    []string  // to be told

	diskBytes uint64 // written to the disk, below a KiB
}

// Open continues the days in the folder, which need not exist. If the day that went on
// cannot be read, it begins anew and the error says why; the Log can be used all the
// same.
func Open(dir string) (*Log, error) {
	l := &Log{dir: dir, now: newPart("", 0), since: map[string]Version{}}
	l.now.Starts = 1
	k, err := readNow(dir)
	if err != nil {
		path := filepath.Join(dir, nowFile)
		setAside(path, err)
		return l, fmt.Errorf("%s: %w", path, err)
	}
	if !k.Clean {
		l.now.Crashes = 1
	}
	if k.Since != nil {
		l.since = k.Since
	}
	l.first, l.firstS = k.First, k.FirstS
	for _, p := range k.Parts {
		if p.Day == "" { // the clock was not set all the while
			l.now.add(p)
			continue
		}
		l.done = append(l.done, p)
	}
	return l, nil
}

// Look takes a snapshot, whose Now tells the day; now tells how much time has passed.
// dated tells whether the wall clock is set. It returns what is to be written now, which
// may wait for the disk and may be called by any goroutine; nil = nothing.
func (l *Log) Look(now time.Time, s *status.Snapshot, dated bool) (write func() error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	passed, wall := time.Duration(0), s.Now.Round(0).UTC()
	if !l.at.IsZero() {
		passed = max(0, now.Sub(l.at))
	}
	natural := !l.wall.IsZero() && wall.Sub(l.wall.Add(passed)).Abs() < time.Minute
	dated = dated && wall.Year() >= plausible
	rolled := dated && l.date(wall, natural)
	l.count(s, passed, dated)
	l.at, l.wall = now, wall
	if !dated {
		l.wall = time.Time{}
	}
	if !rolled && !l.written.IsZero() && now.Sub(l.written) < writeEvery {
		return nil
	}
	l.written = now
	return func() error { return l.write(false) }
}

// date gives the part that goes on its day, and begins another on another day. natural
// tells that the clock was not set since the look before. It tells whether a part is over.
func (l *Log) date(wall time.Time, natural bool) bool {
	day, sec := wall.Format(time.DateOnly), wall.Hour()*3600+wall.Minute()*60+wall.Second()
	switch p := l.now; {
	case p.Day == day:
		p.To = max(p.To, sec)
		return false
	case p.Day == "":
		p.Day, p.From, p.To = day, max(0, sec-int(p.Up)), sec
		for i, d := range l.done { // that of an earlier run goes on
			if d.Day == day {
				d.add(p)
				l.now, l.done = d, slices.Delete(l.done, i, i+1)
				break
			}
		}
		return true
	}
	from := sec
	if natural {
		l.now.To, from = daySeconds, 0
	}
	l.done = append(l.done, l.now)
	if n := len(l.done) - mostUnkept; n > 0 {
		l.lost = append(l.lost, fmt.Sprintf("the days up to %s: the disk does not take them", l.done[n-1].Day))
		l.done = slices.Delete(l.done, 0, n)
	}
	l.now = newPart(day, from)
	l.now.To = sec
	return true
}

// End writes the day that goes on: the agent ends as it should.
func (l *Log) End() error { return l.write(true) }

// write stores what is over and what goes on.
func (l *Log) write(end bool) error {
	if end {
		l.writing.Lock()
	} else if !l.writing.TryLock() {
		return nil // the next time
	}
	defer l.writing.Unlock()
	if err := os.MkdirAll(l.dir, 0o700); err != nil {
		return err
	}
	l.mu.Lock()
	var over []*Part
	for _, p := range l.done {
		if l.now.Day != "" { // else it may go on
			over = append(over, p)
		}
	}
	l.mu.Unlock()
	told, err := store(l.dir, over)
	l.mu.Lock()
	told = append(told, l.lost...)
	l.lost = nil
	if err == nil {
		l.done = slices.DeleteFunc(l.done, func(p *Part) bool { return slices.Contains(over, p) })
	}
	k := kept{Clean: end, Since: maps.Clone(l.since), First: l.first, FirstS: l.firstS}
	for _, p := range append(slices.Clone(l.done), l.now) {
		k.Parts = append(k.Parts, p.Short())
	}
	b, e := line(k) // with mu held: the part goes on
	l.mu.Unlock()
	if e == nil {
		e = state.WriteFile(filepath.Join(l.dir, nowFile), b, 0o600)
	}
	err = errors.Join(err, e)
	for _, text := range told {
		err = errors.Join(err, errors.New(text))
	}
	return err
}

// Record is what is known of the days of the months from one to another. It reads files; where
// it cannot, Damaged says so, and the rest is there.
func (l *Log) Record(from, to string) Record {
	l.writing.Lock() // what moves from one file to another is seen once
	defer l.writing.Unlock()
	r, err := read(l.dir, from, to)
	l.mu.Lock()
	for _, p := range append(slices.Clone(l.done), l.now) {
		if p.within(from, to) {
			c := newPart(p.Day, p.From) // it shares nothing
			c.ID = p.ID
			c.add(p)
			r.Parts = put(r.Parts, c)
		}
	}
	l.mu.Unlock()
	r.sort()
	for i, p := range r.Parts {
		r.Parts[i] = p.Short()
	}
	if err != nil {
		r.Damaged = append(r.Damaged, err.Error())
	}
	return r
}

// Since is since when the version of a thing is in force; zero = it is not known.
func (l *Log) Since(of, sha256 string) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if v := l.since[of]; v.SHA256 == sha256 {
		return v.Since
	}
	return time.Time{}
}

// First is the latency in the first day with the present models.
func (l *Log) First() (d status.Durations) {
	l.mu.Lock()
	defer l.mu.Unlock()
	copy(d[:], l.first)
	return d
}

// Config is the name of the configuration for Since; ModelOf is that of a machine's
// model.
const Config = "configuration"

// ModelOf is the name of a machine's model for Since.
func ModelOf(machine string) string { return "model of " + machine }

// mark notes which versions are in force.
func (l *Log) mark(s *status.Snapshot, dated bool) {
	at := time.Time{}
	if dated {
		at = s.Now.Round(0).UTC().Truncate(time.Second)
	}
	have := map[string]bool{Config: true, allModels: true}
	note := func(of, sum string) {
		have[of] = true
		if v := l.since[of]; sum != "" && (v.SHA256 != sum || v.Since.IsZero()) {
			l.since[of] = Version{sum, at}
		}
	}
	note(Config, s.ConfigSHA)
	all := fnv.New64a()
	for i := range s.Machines {
		m := &s.Machines[i]
		note(ModelOf(m.Name), m.Model.SHA256)
		all.Write([]byte(m.Model.SHA256))
	}
	maps.DeleteFunc(l.since, func(of string, _ Version) bool { return !have[of] })
	if sum := fmt.Sprintf("%x", all.Sum64()); sum != l.since[allModels].SHA256 {
		l.since[allModels] = Version{sum, at}
		l.first, l.firstS = nil, 0
	}
}

// allModels is the name of all models together.
const allModels = "models"
