package spool

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// wreck makes a folder of n messages (state "open N" with message N, nothing
// acknowledged) in segments of the given size, and closes it.
func wreck(t testing.TB, n int, segment int64) (dir string, files []string) {
	t.Helper()
	dir = t.TempDir()
	q := mustOpen(t, dir, Options{SegmentBytes: segment})
	for i := range n {
		if err := put(q, fmt.Append(nil, "open ", i+1), message); err != nil {
			t.Fatal(err)
		}
	}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*"+segmentExt))
	if err != nil {
		t.Fatal(err)
	}
	return dir, files
}

func edit(t testing.TB, file string, change func(b []byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, change(b), 0o600); err != nil {
		t.Fatal(err)
	}
}

// bounds returns where the records of a segment begin and end.
func bounds(t testing.TB, file string) []span {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := scan(b, 0)
	if err != nil || !s.whole() {
		t.Fatalf("scan: %+v, %v", s, err)
	}
	var spans []span
	for _, r := range s.recs {
		spans = append(spans, r.span)
	}
	return spans
}

func allBut(n int, lost ...int) []uint64 {
	var ids []uint64
	for i := 1; i <= n; i++ {
		if !slices.Contains(lost, i) {
			ids = append(ids, uint64(i))
		}
	}
	return ids
}

// Each wreck is a folder of 20 messages in one segment (or several where it
// says so) to which something happened. Opening must succeed, deliver the
// rest, count, and go on with number next.
func TestWreck(t *testing.T) {
	const n = 20
	cases := map[string]struct {
		segment     int64
		harm        func(t *testing.T, dir string, files []string)
		want        []uint64
		state       string
		next        uint64
		corrupt     uint64
		quarantined uint64
		torn        uint64
		jump        bool // next is above what the file can have held
	}{
		"nothing": {
			harm: func(*testing.T, string, []string) {},
			want: allBut(n), state: "open 20", next: 21,
		},
		"torn tail": {
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[0], func(b []byte) []byte { return b[:len(b)-7] })
			},
			want: allBut(n, 20), state: "open 19", next: 21, corrupt: 1, torn: 1,
		},
		"tail torn inside a head": {
			harm: func(t *testing.T, _ string, files []string) {
				last := bounds(t, files[0])[n-1]
				edit(t, files[0], func(b []byte) []byte { return b[:last.from+11] })
			},
			want: allBut(n, 20), state: "open 19", next: 21, corrupt: 1, torn: 1,
		},
		"zeroed tail": {
			harm: func(t *testing.T, _ string, files []string) {
				from := bounds(t, files[0])[n-2].from
				edit(t, files[0], func(b []byte) []byte { clear(b[from:]); return b })
			},
			want: allBut(n, 19, 20), state: "open 18", next: 21, corrupt: 2, torn: 1,
		},
		"zeros behind the tail": {
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[0], func(b []byte) []byte { return append(b, make([]byte, 4096)...) })
			},
			want: allBut(n), state: "open 20", next: 21, torn: 1,
		},
		"bit in first header": {
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[0], func(b []byte) []byte { b[17] ^= 4; return b })
			},
			want: allBut(n), state: "open 20", next: 21, quarantined: 1,
		},
		"bit in record head": {
			harm: func(t *testing.T, _ string, files []string) {
				at := bounds(t, files[0])[6].from + 9
				edit(t, files[0], func(b []byte) []byte { b[at] ^= 1; return b })
			},
			want: allBut(n, 7), state: "open 20", next: 21, corrupt: 1, quarantined: 1,
		},
		"bit in payload": {
			harm: func(t *testing.T, _ string, files []string) {
				at := bounds(t, files[0])[6].to - 3
				edit(t, files[0], func(b []byte) []byte { b[at] ^= 128; return b })
			},
			want: allBut(n, 7), state: "open 20", next: 21, corrupt: 1, quarantined: 1,
		},
		"bit in last payload": { // its number is spent: it may have been published
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[0], func(b []byte) []byte { b[len(b)-3] ^= 128; return b })
			},
			want: allBut(n, 20), state: "open 19", next: 21, corrupt: 1, quarantined: 1,
		},
		"three records overwritten": {
			harm: func(t *testing.T, _ string, files []string) {
				s := bounds(t, files[0])
				edit(t, files[0], func(b []byte) []byte { clear(b[s[4].from:s[6].to]); return b })
			},
			want: allBut(n, 5, 6, 7), state: "open 20", next: 21, corrupt: 3, quarantined: 1,
		},
		"both headers": {
			harm: func(t *testing.T, _ string, files []string) {
				first := bounds(t, files[0])[0].from
				edit(t, files[0], func(b []byte) []byte { clear(b[:first]); return b })
			},
			want: allBut(n), state: "open 20", next: 21, quarantined: 1,
		},
		"empty segment": {
			harm: func(t *testing.T, dir string, _ []string) {
				write(t, filepath.Join(dir, segmentName(99)), nil)
			},
			want: allBut(n), state: "open 20", next: 21, quarantined: 1,
		},
		"foreign bytes in a segment's name": {
			harm: func(t *testing.T, dir string, _ []string) {
				write(t, filepath.Join(dir, segmentName(0)), []byte("#!/bin/sh\necho hello, this is no segment\n"))
			},
			want: allBut(n), state: "open 20", next: 21, quarantined: 1,
		},
		"too new version": {
			harm: func(t *testing.T, _ string, files []string) {
				b := appendHeader(nil, header{})
				for at := 8; at < len(b); at += headerFixed {
					binary.LittleEndian.PutUint16(b[at:], version+1)
				}
				write(t, filepath.Join(filepath.Dir(files[0]), segmentName(99)), b)
			},
			want: allBut(n), state: "open 20", corrupt: 1, quarantined: 1, jump: true,
		},
		"unfinished segment": {
			harm: func(t *testing.T, dir string, _ []string) {
				write(t, filepath.Join(dir, segmentName(99)+tmpExt), []byte("\xf7spo"))
			},
			want: allBut(n), state: "open 20", next: 21,
		},
		"foreign files": {
			harm: func(t *testing.T, dir string, _ []string) {
				write(t, filepath.Join(dir, "README"), []byte("mine"))
				write(t, filepath.Join(dir, "zzzz.seg"), []byte("mine"))
				if err := os.Mkdir(filepath.Join(dir, segmentName(50)), 0o700); err != nil {
					t.Fatal(err)
				}
			},
			want: allBut(n), state: "open 20", next: 21,
		},
		"cursor is garbage": {
			harm: func(t *testing.T, dir string, _ []string) {
				write(t, filepath.Join(dir, cursorName), bytes.Repeat([]byte("\xf7cur"), 400))
			},
			want: allBut(n), state: "open 20", next: 21,
		},
		"missing segment": {
			segment: minSegment,
			harm: func(t *testing.T, _ string, files []string) {
				if err := os.Remove(files[1]); err != nil {
					t.Fatal(err)
				}
			},
			state: "open 200", next: 201,
		},
		"all zeros": {
			harm: func(t *testing.T, _ string, files []string) {
				edit(t, files[0], func(b []byte) []byte { clear(b); return b })
			},
			corrupt: 20, quarantined: 1, jump: true,
		},
		"all zeros, and the cursor": {
			harm: func(t *testing.T, dir string, files []string) {
				edit(t, files[0], func(b []byte) []byte { clear(b); return b })
				write(t, filepath.Join(dir, cursorName), make([]byte, 1024))
			},
			corrupt: 1, quarantined: 1, jump: true,
		},
		"no segment left": {
			harm: func(t *testing.T, dir string, files []string) {
				if err := os.Remove(files[0]); err != nil {
					t.Fatal(err)
				}
			},
			next: 21, corrupt: 20,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			count := n
			if c.segment > 0 {
				count = 200
			}
			dir, files := wreck(t, count, c.segment)
			if c.segment > 0 { // the second segment's records are what will be missing
				lost := bounds(t, files[1])
				c.corrupt = uint64(len(lost))
				before := len(bounds(t, files[0]))
				c.want = append(allBut(before), allBut(count)[before+len(lost):]...)
			}
			c.harm(t, dir, files)
			q := mustOpen(t, dir, Options{SegmentBytes: c.segment})
			if got := drain(t, q); !slices.Equal(got, c.want) {
				t.Errorf("delivered %v, want %v", got, c.want)
			}
			s := q.Stats()
			if s.Corrupt != c.corrupt || s.Quarantined != c.quarantined || s.Torn != c.torn {
				t.Errorf("corrupt %d, quarantined %d, torn %d; want %d, %d, %d",
					s.Corrupt, s.Quarantined, s.Torn, c.corrupt, c.quarantined, c.torn)
			}
			if stateOf(q) != c.state {
				t.Errorf("state %q, want %q", stateOf(q), c.state)
			}
			bad, _ := filepath.Glob(filepath.Join(dir, "*"+badExt))
			if len(bad) != int(c.quarantined) {
				t.Errorf("%d files set aside, want %d", len(bad), c.quarantined)
			}
			mustAppend(t, q, 1)
			if c.jump && q.Seq() > n && q.Seq() < 10*n {
				c.next = q.Seq()
			}
			if q.Seq() != c.next {
				t.Errorf("next number %d, want %d", q.Seq(), c.next)
			}
			q.Close()
			q = mustOpen(t, dir, Options{SegmentBytes: c.segment}) // the repair is permanent
			if got := drain(t, q); !slices.Equal(got, append(c.want, c.next)) {
				t.Errorf("after the repair: %v", got)
			}
			if s := q.Stats(); s.Quarantined+s.Torn+s.Corrupt != 0 {
				t.Errorf("damage counted again: %+v", s)
			}
		})
	}
}

func write(t testing.TB, file string, b []byte) {
	t.Helper()
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every byte of a segment is harmed once. The harm is noticed, costs the
// record it is in and nothing else, and the state survives.
func TestFlip_everyByte(t *testing.T) {
	const n = 6
	_, files := wreck(t, n, 0)
	whole, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	spans := bounds(t, files[0])
	dir := fastDir(t)
	for at := range whole {
		lost, state := 0, fmt.Sprint("open ", n)
		for i, s := range spans {
			if at >= s.from && at < s.to {
				lost = i + 1
			}
		}
		if lost == n {
			state = fmt.Sprint("open ", n-1)
		}
		b := bytes.Clone(whole)
		b[at] ^= 1 << (at % 8)
		write(t, filepath.Join(dir, segmentName(1)), b)
		q := mustOpen(t, dir, Options{})
		if got := drain(t, q); !slices.Equal(got, allBut(n, lost)) {
			t.Fatalf("byte %d: delivered %v, want all but %d", at, got, lost)
		}
		s := q.Stats()
		if s.Quarantined+s.Torn != 1 {
			t.Fatalf("byte %d: not noticed: %+v", at, s)
		}
		if stateOf(q) != state {
			t.Fatalf("byte %d: state %q", at, stateOf(q))
		}
		q.Close()
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, f := range files {
			os.Remove(f)
		}
	}
}

// The same on a longer segment, in memory.
func TestScan_everyByte(t *testing.T) {
	size := 12 << 10
	if os.Getenv("EDGE_LONG") != "" {
		size = 1 << 17
	}
	b := appendHeader(nil, header{checkpoint: []byte("open")})
	first := len(b)
	var recs int
	var of []int // byte -> record
	for len(b) < size {
		recs++
		m, _ := message(uint64(recs))
		b = appendRecord(b, &record{seq: uint64(recs), prev: uint64(recs - 1), msg: m})
		for len(of) < len(b)-first {
			of = append(of, recs)
		}
	}
	for at := range b {
		b[at] ^= 1 << (at % 8)
		s, err := scan(b, 0)
		b[at] ^= 1 << (at % 8)
		want := recs
		if at >= first {
			want--
		}
		if err != nil || len(s.recs) != want || s.whole() && s.end == len(b) {
			t.Fatalf("byte %d: %d records of %d, %v", at, len(s.recs), recs, err)
		}
		for _, r := range s.recs {
			if at >= first && r.seq == uint64(of[at-first]) {
				t.Fatalf("byte %d: record %d passed", at, r.seq)
			}
		}
	}
}

// Damage that comes while the queue is open costs one message and leaves the
// file for people.
func TestNext_damagedMeanwhile(t *testing.T) {
	dir := t.TempDir()
	q := mustOpen(t, dir, Options{SegmentBytes: minSegment})
	mustAppend(t, q, 100)
	files, _ := filepath.Glob(filepath.Join(dir, "*"+segmentExt))
	at := bounds(t, files[0])[4].to - 3
	edit(t, files[0], func(b []byte) []byte { b[at] ^= 2; return b })
	ids := drain(t, q)
	if !slices.Equal(ids, allBut(100, 5)) || q.Stats().Corrupt != 1 {
		t.Fatalf("got %v, %+v", ids, q.Stats())
	}
	for _, id := range ids {
		if err := q.Ack(id); err != nil {
			t.Fatal(err)
		}
	}
	q.Flush()
	if _, err := os.Stat(files[0] + badExt); err != nil {
		t.Fatal(err)
	}
	if s := q.Stats(); s.Messages != 0 || s.Quarantined != 1 {
		t.Fatalf("%+v", s)
	}
}

func TestQuarantine_bounded(t *testing.T) {
	dir := t.TempDir()
	for i := range 10 {
		write(t, filepath.Join(dir, segmentName(uint64(i))), []byte("garbage"))
	}
	q := mustOpen(t, dir, Options{})
	if s := q.Stats(); s.Quarantined != 10 {
		t.Fatalf("%+v", s)
	}
	bad, _ := filepath.Glob(filepath.Join(dir, "*"))
	if len(bad) != maxBad+1 { // and the cursor
		t.Fatalf("%d files left: %v", len(bad), bad)
	}
}

// The bytes of a record: with a note and without, with a change of the state and
// without.
func TestRecord_layout(t *testing.T) {
	plain := Message{Topic: "a/event", Payload: []byte(`{"seq":7}`), Retain: true}
	noted, changed, removed := plain, plain, plain
	noted.Note, noted.Spare = []byte("note"), true
	changed.Key, changed.Value = "e7", []byte("open")
	removed.Key = "e7"
	for want, m := range map[string]Message{
		"f77265631400000007000000000000007b68e5cf8b01000007000500040000000a78f29f9cb8349e612f6576656e74020000007b22736571223a377d":               plain,
		"f77265631800000007000000000000007b68e5cf8b0100000700250404000000ced8b9871a0a1964612f6576656e74020000006e6f74657b22736571223a377d":       noted,
		"f77265631b00000007000000000000007b68e5cf8b01000007000d000b0000003759bc5eac556b28612f6576656e74020000000265376f70656e7b22736571223a377d": changed,
		"f77265631700000007000000000000007b68e5cf8b01000007001d0007000000c4a666556cb210f4612f6576656e74020000000265377b22736571223a377d":         removed,
	} {
		r := record{seq: 7, prev: 5, at: 1700000000123, msg: m}
		b := appendRecord(nil, &r)
		if fmt.Sprintf("%x", b) != want || len(b) != recordSize(&m) {
			t.Errorf("%+v: %x, want %s", m, b, want)
		}
		if back, n, err := parseRecord(b); err != nil || n != len(b) || fmt.Sprintf("%+v", back) != fmt.Sprintf("%+v", r) {
			t.Errorf("%+v: read back as %+v, %v", m, back, err)
		}
	}
}

func FuzzSegment(f *testing.F) {
	b := appendHeader(nil, header{last: 3, checkpoint: state{{"a", []byte("open")}}.append(nil)})
	f.Add(b, uint64(0))
	for i := range 3 {
		m, _ := message(uint64(i + 1))
		m.Key, m.Value = "a", []byte{byte(i)}
		b = appendRecord(b, &record{seq: uint64(i + 1), prev: uint64(i), msg: m})
	}
	f.Add(b, uint64(0))
	f.Add(append(bytes.Clone(b), b...), uint64(1))
	f.Add(b[headerFixed+4:], uint64(0))
	f.Fuzz(func(t *testing.T, b []byte, after uint64) {
		s, err := scan(b, after)
		if err != nil {
			return
		}
		last := after
		for _, r := range s.recs { // what is found is sound, in order, and says the same when written again
			got, n, err := parseRecord(b[r.from:])
			if err != nil || n != r.to-r.from || got.seq != r.seq || r.seq <= last || r.to > s.end {
				t.Fatalf("record at %d: %+v, %v", r.from, got, err)
			}
			last = r.seq
			if !chained(b[r.from:]) { // layout 1
				continue
			}
			again := appendRecord(nil, &got)
			if back, _, err := parseRecord(again); err != nil || fmt.Sprint(back) != fmt.Sprint(got) {
				t.Fatalf("record at %d: %+v read back as %+v, %v", r.from, got, back, err)
			}
		}
		if s.end > len(b) {
			t.Fatalf("end %d of %d bytes", s.end, len(b))
		}
	})
}
