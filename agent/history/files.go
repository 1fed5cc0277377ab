package history

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
	"syscall"

	"iot-edge-anomaly/agent/state"
)

// Folder is that of the days, in the state folder; Ext is the ending of its files.
const (
	Folder = "days"
	Ext    = ".line"
)

// Bounds of what is on the disk.
const (
	nowFile   = "now" + Ext
	mostMonth = 2 << 20 // bytes of one file
	mostBytes = 8 << 20 // of all
	months    = 14      // files
	mostParts = 4       // of one day
)

// line is a value with its checksum.
func line(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.ChecksumIEEE(b), b), nil
}

// parse reads a line; v is as it was where it is damaged.
func parse(text []byte, v any) error {
	sum, b, ok := bytes.Cut(bytes.TrimRight(text, "\n"), []byte(" "))
	if want, err := strconv.ParseUint(string(sum), 16, 32); !ok || err != nil || uint32(want) != crc32.ChecksumIEEE(b) {
		return errors.New("the checksum is wrong")
	}
	return json.Unmarshal(b, v)
}

// parseMonth reads the lines of a month, and counts those that are damaged.
func parseMonth(b []byte, month string) (out []*Part, damaged int) {
	for len(b) > 0 {
		text, rest, _ := bytes.Cut(b, []byte("\n"))
		b = rest
		p := new(Part)
		if err := parse(text, p); err != nil || !p.good() || !strings.HasPrefix(p.Day, month) {
			damaged++
			continue
		}
		p.full()
		out = append(out, p)
	}
	return out, damaged
}

// readMonth is empty where there is no file.
func readMonth(dir, month string) ([]*Part, int, error) {
	b, err := state.ReadFile(filepath.Join(dir, month+Ext), mostMonth)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, 0, nil
	}
	if err != nil {
		return nil, 0, err
	}
	parts, damaged := parseMonth(b, month)
	return parts, damaged, nil
}

// setAside gives way to what can never be read, so that the days to come can be written:
// more bytes than any record has, what is no file, or a bad place of the disk. Any other
// error may pass. It returns the name that it has now; empty = it is where it was.
func setAside(path string, why error) string {
	st, err := os.Lstat(path)
	if why == nil || err != nil || !(errors.Is(why, syscall.EIO) || st.Size() > mostMonth || !st.Mode().IsRegular()) {
		return ""
	}
	aside := path + ".bad"
	if os.RemoveAll(aside) != nil || os.Rename(path, aside) != nil {
		return ""
	}
	return filepath.Base(aside)
}

// store adds parts to the files of their months. A part that a crash has left in two
// places replaces itself. What had to go to make room, or was damaged, is told.
func store(dir string, parts []*Part) (told []string, err error) {
	byMonth := map[string][]*Part{}
	for _, p := range parts {
		month := p.Day[:len("2026-12")]
		byMonth[month] = append(byMonth[month], p)
	}
	for month, parts := range byMonth {
		have, damaged, err := readMonth(dir, month)
		if aside := setAside(filepath.Join(dir, month+Ext), err); aside != "" {
			told, err = append(told, fmt.Sprintf("%v: it is kept as %s, and a new one begins", err, aside)), nil
		}
		if err != nil {
			return told, err
		}
		if damaged > 0 {
			told = append(told, fmt.Sprintf("%d damaged lines of %s are gone", damaged, month+Ext))
		}
		for _, p := range parts {
			have = put(have, p)
		}
		b, dropped, err := encode(have)
		if err != nil {
			return told, err
		}
		if dropped > 0 {
			told = append(told, fmt.Sprintf("the first %d lines of %s are gone: more than %d bytes", dropped, month+Ext, mostMonth))
		}
		if err := state.WriteFile(filepath.Join(dir, month+Ext), b, 0o600); err != nil {
			return told, err
		}
	}
	return told, prune(dir)
}

// put adds a part to those of its month. Where a day has many, the two oldest become
// one.
func put(have []*Part, p *Part) []*Part {
	var day []int
	for i, h := range have {
		if h.ID == p.ID && h.Day == p.Day {
			have[i] = p
			return have
		}
		if h.Day == p.Day {
			day = append(day, i)
		}
	}
	if len(day) >= mostParts {
		have[day[1]].add(have[day[0]])
		have = slices.Delete(have, day[0], day[0]+1)
	}
	return append(have, p)
}

// encode drops the first lines where there are too many.
func encode(parts []*Part) (out []byte, dropped int, err error) {
	for i := len(parts) - 1; i >= 0; i-- {
		b, err := line(parts[i].Short())
		if err != nil {
			return nil, 0, err
		}
		if len(out)+len(b) > mostMonth {
			dropped++
			continue
		}
		out = append(b, out...)
	}
	return out, dropped, nil
}

// files are the months on the disk, oldest first.
func files(dir string) (out []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if month, ok := strings.CutSuffix(e.Name(), Ext); ok && e.Name() != nowFile && len(month) == len("2026-12") && e.Type().IsRegular() {
			out = append(out, month)
		}
	}
	return out, err
}

// prune removes the oldest months beyond the bounds.
func prune(dir string) error {
	names, err := files(dir)
	if err != nil {
		return err
	}
	total := int64(0)
	for i := len(names) - 1; i >= 0; i-- {
		path := filepath.Join(dir, names[i]+Ext)
		st, err := os.Stat(path)
		if err != nil {
			return err
		}
		if total += st.Size(); i < len(names)-months || total > mostBytes {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

// Record is what is known of some days.
type Record struct {
	Parts   []*Part  `json:"parts"`             // oldest first
	Damaged []string `json:"damaged,omitempty"` // what cannot be read
}

// Read reads the days of the months from one ("2026-11") to another, and the one that goes
// on as far as it is on the disk.
func Read(dir, from, to string) (r Record, err error) {
	if r, err = read(dir, from, to); err == nil {
		k, e := readNow(dir)
		if e != nil {
			r.Damaged = append(r.Damaged, fmt.Sprintf("the newest day: %v", e))
		}
		for _, p := range k.Parts {
			if p.within(from, to) {
				r.Parts = put(r.Parts, p)
			}
		}
		r.sort()
	}
	return r, err
}

// read reads the days that are over.
func read(dir, from, to string) (r Record, err error) {
	names, err := files(dir)
	if err != nil {
		return r, err
	}
	for _, month := range names {
		if month < from || month > to {
			continue
		}
		parts, damaged, err := readMonth(dir, month)
		if err != nil {
			r.Damaged = append(r.Damaged, fmt.Sprintf("%s: %v", month, err))
		} else if damaged > 0 {
			r.Damaged = append(r.Damaged, fmt.Sprintf("%s: damaged lines: %d", month, damaged))
		}
		r.Parts = append(r.Parts, parts...)
	}
	return r, nil
}

// within tells whether the day is in the months.
func (p *Part) within(from, to string) bool {
	return p.Day >= from && p.Day != "" && p.Day[:len("2026-12")] <= to
}

func (r *Record) sort() {
	sort.SliceStable(r.Parts, func(i, j int) bool { return r.Parts[i].Day < r.Parts[j].Day })
}

// kept is the content of now.line.
type kept struct {
	Parts  []*Part            `json:"parts"` // the last is that of the newest run
	Clean  bool               `json:"clean"` // it has ended as it should
	Since  map[string]Version `json:"since"`
	First  []uint64           `json:"first,omitempty"` // latency of the first day with these models
	FirstS float64            `json:"first_s,omitempty"`
}

// readNow is empty where there is no file.
func readNow(dir string) (k kept, err error) {
	b, err := state.ReadFile(filepath.Join(dir, nowFile), mostMonth)
	if errors.Is(err, fs.ErrNotExist) {
		return kept{Clean: true}, nil
	}
	if err == nil {
		k, err = parseNow(b)
	}
	return k, err
}

func parseNow(b []byte) (k kept, err error) {
	if err = parse(b, &k); err != nil {
		return kept{}, err
	}
	for _, p := range k.Parts {
		if p == nil || !p.good() {
			return kept{}, errors.New("it holds what is no day")
		}
		p.full()
	}
	return k, nil
}

// Check reads one file of the folder, for fsck.
func Check(path string) (string, error) {
	b, err := state.ReadFile(path, mostMonth)
	if err != nil {
		return "", err
	}
	name := strings.TrimSuffix(filepath.Base(path), Ext)
	if name+Ext == nowFile {
		_, err = parseNow(b)
		return "the day that goes on", err
	}
	parts, damaged := parseMonth(b, name)
	if damaged > 0 {
		err = fmt.Errorf("%d of %d lines are damaged", damaged, damaged+len(parts))
	}
	return fmt.Sprintf("%d days and parts of days", len(parts)), err
}
