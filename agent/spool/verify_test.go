package spool

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// contents are the files of a folder.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name()] = string(b)
	}
	return out
}

// TestVerify harms a folder of 60 messages in several segments, and reads what Verify
// says: it changes no file.
func TestVerify(t *testing.T) {
	for name, c := range map[string]struct {
		harm    func(t *testing.T, dir string, files []string)
		good    bool
		damage  string // a part of one of the places
		missing []string
		notes   int
		records int
	}{
		"nothing": {harm: func(*testing.T, string, []string) {}, good: true, records: 60},
		"a bit in a body": {
			harm: func(t *testing.T, _ string, files []string) {
				at := bounds(t, files[0])[4].to - 3
				edit(t, files[0], func(b []byte) []byte { b[at] ^= 4; return b })
			},
			damage: ".seg: bytes ", missing: []string{"5"}, records: 59,
		},
		"a bit in a header": {
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[1], func(b []byte) []byte { b[20] ^= 4; return b })
			},
			damage: "1 of 2 copies", records: 60,
		},
		"a segment is gone": {
			harm: func(t *testing.T, _ string, files []string) {
				if err := os.Remove(files[1]); err != nil {
					t.Fatal(err)
				}
			},
			missing: []string{"MIDDLE"},
		},
		"a segment of zeros": {
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[1], func(b []byte) []byte { clear(b); return b })
			},
			damage: "not a spool segment", missing: []string{"MIDDLE"},
		},
		"an unfinished write": {
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[len(files)-1], func(b []byte) []byte { return append(b, recordMark...) })
			},
			good: true, notes: 1, records: 60,
		},
		"the end is gone": {
			harm: func(t *testing.T, _ string, files []string) {
				last := files[len(files)-1]
				all := bounds(t, last)
				edit(t, last, func(b []byte) []byte { return b[:all[len(all)-1].from] })
			},
			missing: []string{"60"}, records: 59,
		},
		"a file of somebody else": {
			harm: func(t *testing.T, dir string, _ []string) {
				if err := os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("x"), 0o600); err != nil {
					t.Fatal(err)
				}
			},
			good: true, records: 60,
		},
		"no cursor": {
			harm: func(t *testing.T, dir string, _ []string) {
				if err := os.Remove(filepath.Join(dir, cursorName)); err != nil {
					t.Fatal(err)
				}
			},
			good: true, records: 60,
		},
	} {
		dir, files := wreck(t, 60, minSegment)
		if len(files) < 3 {
			t.Fatalf("%d segments", len(files))
		}
		b, err := os.ReadFile(files[1])
		if err != nil {
			t.Fatal(err)
		}
		s, err := scan(b, 0)
		if err != nil {
			t.Fatal(err)
		}
		v := &verifier{}
		v.judge(loss{from: s.recs[0].seq, to: s.recs[len(s.recs)-1].seq})
		for i := range c.missing {
			c.missing[i] = strings.Replace(c.missing[i], "MIDDLE", v.Missing[0], 1)
		}
		if c.records == 0 {
			c.records = 60 - len(s.recs)
		}
		c.harm(t, dir, files)
		before := contents(t, dir)
		got, err := Verify(dir)
		if err != nil {
			t.Fatal(err)
		}
		if got.Good() != c.good || !strings.Contains(strings.Join(got.Damage, "\n"), c.damage) || (c.damage == "") != (len(got.Damage) == 0) ||
			!slices.Equal(got.Missing, slices.Clone(c.missing)) && len(got.Missing)+len(c.missing) > 0 || len(got.Notes) != c.notes || got.Records != c.records || got.Last != 60 || got.First != 1 {
			t.Errorf("%s: %+v", name, got)
		}
		after := contents(t, dir)
		for file, b := range before {
			if after[file] != b || len(after) != len(before) {
				t.Errorf("%s: Verify changed %s", name, file)
			}
		}
		// What Open repairs and counts is explained from then on.
		q := mustOpen(t, dir, Options{SegmentBytes: minSegment})
		if err := q.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err = Verify(dir); err != nil || !got.Good() || len(got.Explained) != len(c.missing) {
			t.Errorf("%s, after Open: %+v, %v", name, got, err)
		}
	}
	if _, err := Verify(filepath.Join(t.TempDir(), "none")); err == nil {
		t.Error("a folder that is not there is good")
	}
}

// TestVerify_besideAgent verifies while messages are stored, delivered, dropped for lack
// of space and acknowledged: it never finds a fault.
func TestVerify_besideAgent(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{SegmentBytes: minSegment, MaxBytes: 8 * minSegment})
	ctx, stop := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := put(q, bytes.Repeat([]byte("s"), i%200), message); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() {
		for last := uint64(0); ; {
			e, err := q.Next(ctx, last)
			if err != nil {
				return
			}
			if last = e.ID; last%7 > 0 { // some are never acknowledged, and are dropped at last
				if err := q.Ack(last); err != nil {
					t.Error(err)
				}
			}
		}
	})
	n := 0
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); n++ {
		v, err := Verify(dir)
		if err != nil {
			t.Fatal(err)
		}
		if !v.Good() {
			t.Errorf("%+v", v)
			break
		}
	}
	stop()
	wg.Wait()
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	v, err := Verify(dir)
	if err != nil || !v.Good() || v.Waiting == 0 {
		t.Errorf("at last %+v, %v", v, err)
	}
	t.Logf("%d times, numbers %d to %d, %d waiting", n, v.First, v.Last, v.Waiting)
}

// TestVerify_everyByte flips each byte of a segment: each is noticed.
func TestVerify_everyByte(t *testing.T) {
	dir, files := wreck(t, 4, minSegment)
	good, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if err := os.WriteFile(files[0], bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if v, err := verify(dir); err != nil || v.Good() {
			t.Errorf("byte %d of %d: %+v, %v", i, len(good), v, err)
		}
	}
}
