package spool

import (
	"math/rand/v2"
	"os"
	"slices"
	"testing"
	"time"
)

func TestWithGap(t *testing.T) {
	of := func(numbers ...uint64) (out []gap) {
		for i := 0; i < len(numbers); i += 2 {
			out = append(out, gap{numbers[i], numbers[i+1]})
		}
		return out
	}
	for _, tc := range []struct{ before, add, want []gap }{
		{nil, of(5, 9), of(5, 9)},
		{of(5, 9), of(10, 12), of(5, 12)},
		{of(5, 9), of(3, 4), of(3, 9)},
		{of(5, 9), of(6, 7), of(5, 9)},
		{of(5, 9), of(12, 12), of(5, 9, 12, 12)},
		{of(12, 12), of(5, 9), of(5, 9, 12, 12)},
		{of(1, 2, 5, 6, 9, 10), of(3, 8), of(1, 10)},
		{of(1, 2, 5, 6, 9, 10), of(6, 7), of(1, 2, 5, 7, 9, 10)},
		{of(5, 9), of(1, 1), of(1, 1, 5, 9)},
	} {
		before := slices.Clone(tc.before)
		if got := withGap(before, tc.add[0]); !slices.Equal(got, tc.want) || !slices.Equal(before, tc.before) {
			t.Errorf("%v with %v: %v, want %v", tc.before, tc.add, got, tc.want)
		}
	}
	var full []gap
	for i := range uint64(maxGaps) {
		full = append(full, gap{100 * i, 100*i + 10})
	}
	full[7].to += 60 // nearest to the next
	got := withGap(full, gap{9000, 9001})
	if len(got) != maxGaps || !slices.Contains(got, gap{700, 810}) || got[0] != full[0] {
		t.Errorf("%v", got)
	}
}

// Whatever is added in whatever order, every number that was is still in a gap, and the
// gaps are in order and apart.
func TestWithGap_random(t *testing.T) {
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		var gaps, all []gap
		for range 1 + r.IntN(60) {
			from := r.Uint64N(400)
			g := gap{from, from + r.Uint64N(6)}
			all, gaps = append(all, g), withGap(gaps, g)
			for i := range gaps {
				if gaps[i].to < gaps[i].from || i > 0 && gaps[i].from <= gaps[i-1].to+1 {
					t.Fatalf("seed %d: %v", seed, gaps)
				}
			}
		}
		if len(gaps) > maxGaps {
			t.Fatalf("seed %d: %d gaps", seed, len(gaps))
		}
		for _, g := range all {
			if !slices.ContainsFunc(gaps, func(o gap) bool { return o.from <= g.from && g.to <= o.to }) {
				t.Fatalf("seed %d: %v is not in %v", seed, g, gaps)
			}
		}
	}
}

// Beside a queue that drops segments and thins them out, on a disk whose syncs take long,
// Verify never calls a number missing.
func TestVerify_whileSegmentsAreDropped(t *testing.T) {
	d := realDisk()
	sync := d.sync
	d.sync = func(f *os.File) error {
		time.Sleep(20 * time.Millisecond)
		return sync(f)
	}
	dir := t.TempDir()
	q, err := open(dir, Options{Logger: quiet, MaxBytes: 32 << 10, SegmentBytes: 4 << 10}, d)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := range 60 {
			for range 20 {
				q.Append(func(uint64) (Message, error) {
					return Message{Topic: "t", Payload: make([]byte, 100), Spare: i%2 == 0}, nil
				})
			}
			q.Flush()
		}
	}()
	looks := 0
	for {
		v, err := verify(dir) // once, without another try
		if err != nil {
			t.Fatal(err)
		}
		if looks++; len(v.Missing) > 0 {
			t.Fatalf("look %d: missing %v, dropped %v", looks, v.Missing, v.Explained)
		}
		select {
		case <-done:
			if s := q.Stats(); s.Dropped == 0 || s.Spared == 0 {
				t.Errorf("%d dropped, %d of them spare, in %d looks", s.Dropped, s.Spared, looks)
			}
			return
		default:
		}
	}
}
