package gateway

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

var repeatedTimes = regexp.MustCompile(`repeated=(\d+)`)

// told counts the lines that a log has, and those that it says it left out.
func told(text, with string) (lines, left int) {
	for line := range strings.Lines(text) {
		if !strings.Contains(line, with) {
			continue
		}
		lines++
		if m := repeatedTimes.FindStringSubmatch(line); m != nil {
			n, _ := strconv.Atoi(m[1])
			left += n - 1 // the line itself is one of them
		}
	}
	return lines, left
}

// TestRepeats: what one cause writes again and again is bounded, and no line goes
// uncounted. Lines of other machines and of other causes are written.
func TestRepeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b strings.Builder
		log := slog.New(newRepeats(slog.NewTextHandler(&b, nil)))
		one, two := log.With("machine", "pump1"), log.With("machine", "pump2")
		for i := range 10_000 {
			one.Warn("no answer", "error", fmt.Errorf("read tcp 127.0.0.1:%d->10.0.0.1:502: broken pipe", 30_000+i), "after", time.Duration(i))
			if i%1000 == 0 {
				two.Warn("no answer", "error", errors.New("read tcp 127.0.0.1:1->10.0.0.1:502: broken pipe"))
				one.Warn("no answer", "error", errors.New("read: connection refused"))
			}
			time.Sleep(30 * time.Millisecond) // five minutes in all
		}
		tellRepeats(log)
		if lines, left := told(b.String(), "pump1 error=\"read tcp"); lines > repeatsFree+7 || lines+left != 10_000 {
			t.Errorf("%d lines, %d left out, want all 10,000 counted:\n%s", lines, left, &b)
		}
		for _, other := range []string{"pump2", "refused"} {
			if lines, _ := told(b.String(), other); lines != 10 {
				t.Errorf("%s: %d lines, want 10", other, lines)
			}
		}
		b.Reset()
		one.Warn("no answer", "error", errors.New("read tcp 127.0.0.1:9->10.0.0.1:502: broken pipe"))
		time.Sleep(repeatsFree * repeatsEvery)
		for range repeatsFree {
			one.Warn("no answer", "error", errors.New("read tcp 127.0.0.1:9->10.0.0.1:502: broken pipe"))
		}
		if lines, left := told(b.String(), "pump1"); lines != repeatsFree+1 || left != 0 {
			t.Errorf("after a while: %d lines, %d left out", lines, left)
		}
		b.Reset()
		log.WithGroup("g").Info("x", "n", 1, "name", "a1")
		log.WithGroup("g").Info("x", "n", 2, "name", "a2")
		if lines, _ := told(b.String(), "g.name"); lines != 2 {
			t.Errorf("%s", &b)
		}
	})
}

// TestRepeats_bounded: any number of different lines are all written, and few are known.
func TestRepeats_bounded(t *testing.T) {
	var b strings.Builder
	r := newRepeats(slog.NewTextHandler(&b, nil))
	log := slog.New(r)
	for i := range 10 * repeatsMost {
		log.Info("x", "name", strconv.Itoa(i))
	}
	if lines, _ := told(b.String(), "msg=x"); lines != 10*repeatsMost || len(r.seen.of) > repeatsMost {
		t.Errorf("%d lines, %d known", lines, len(r.seen.of))
	}
}

// BenchmarkRepeats is what a line costs more.
func BenchmarkRepeats(b *testing.B) {
	log := slog.New(newRepeats(slog.NewTextHandler(io.Discard, nil))).With("machine", "pump1")
	for b.Loop() {
		log.Warn("no answer", "error", "read tcp 127.0.0.1:1->10.0.0.1:502: broken pipe")
	}
}
