package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// read reads an entry as journald does; a name that journald would leave out is an error.
func read(b []byte) (map[string][]string, error) {
	out := map[string][]string{}
	for len(b) > 0 {
		i := bytes.IndexAny(b, "=\n")
		if i < 0 {
			return nil, fmt.Errorf("%q has no value", b)
		}
		name, equals := string(b[:i]), b[i] == '='
		b = b[i+1:]
		if name == "" || len(name) > 64 || name[0] < 'A' || name[0] > 'Z' || strings.Trim(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") != "" {
			return nil, fmt.Errorf("%q is no name", name)
		}
		n := bytes.IndexByte(b, '\n')
		if !equals {
			if len(b) < 8 {
				return nil, fmt.Errorf("%s has no length", name)
			}
			n, b = int(binary.LittleEndian.Uint64(b)), b[8:]
		}
		if n < 0 || n >= len(b) || b[n] != '\n' {
			return nil, fmt.Errorf("%s does not end", name)
		}
		out[name] = append(out[name], string(b[:n]))
		b = b[n+1:]
	}
	return out, nil
}

// journald is a socket that takes entries.
type journald struct {
	path string
	c    *net.UnixConn
}

func listen(t *testing.T, path string) *journald {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return &journald{path, c}
}

// next is the next entry.
func (j *journald) next(t *testing.T) map[string][]string {
	t.Helper()
	j.c.SetReadDeadline(time.Now().Add(time.Minute))
	b := make([]byte, 1<<20)
	n, err := j.c.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	out, err := read(b[:n])
	if err != nil {
		t.Fatalf("%v: %q", err, b[:n])
	}
	return out
}

func text(w io.Writer) slog.Handler {
	return slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
}

func want(t *testing.T, entry map[string][]string, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if got := entry[pairs[i]]; len(got) != 1 || got[0] != pairs[i+1] {
			t.Errorf("%s is %q, want %q", pairs[i], got, pairs[i+1])
		}
	}
}

func TestHandler(t *testing.T) {
	j := listen(t, filepath.Join(t.TempDir(), "socket"))
	var stderr bytes.Buffer
	lg := slog.New(New(j.path, "agent", &stderr, text)).With("machine", "pump1")
	lg.Debug("left out")
	lg.Info("event", "event", "gw7-e1", "score", 1.6)
	e := j.next(t)
	want(t, e, "MESSAGE", "level=INFO msg=event machine=pump1 event=gw7-e1 score=1.6", "PRIORITY", "6", "SYSLOG_IDENTIFIER", "agent", "SYSLOG_FACILITY", "3",
		"MACHINE", "pump1", "EVENT", "gw7-e1", "SCORE", "1.6")
	if len(e) != 7 {
		t.Errorf("more fields than there are: %v", e)
	}
	lg.Warn("w", "error", errors.New("first\nsecond"), "after", 1500*time.Millisecond, "since", time.Date(2026, 12, 1, 1, 2, 3, 0, time.UTC), "left out", 3)
	want(t, j.next(t), "PRIORITY", "4", "ERROR", "first\nsecond", "AFTER", "1.5s", "SINCE", "2026-12-01T01:02:03Z", "LEFT_OUT", "3", "MACHINE", "pump1")
	lg.WithGroup("bus").With("name", "line").Error("e", slog.Group("at", "unit", 1), "priority", "x", "7", 7, "µ", "u")
	want(t, j.next(t), "PRIORITY", "3", "BUS_NAME", "line", "BUS_AT_UNIT", "1", "BUS_PRIORITY", "x", "BUS_7", "7", "MACHINE", "pump1")
	lg.Error("e", "priority", "x", "7", 7, "µ", "u", "message", "m", strings.Repeat("k", 90), 1)
	want(t, j.next(t), "X_PRIORITY", "x", "X_7", "7", "X___", "u", "X_MESSAGE", "m", strings.Repeat("K", 64), "1")
	if stderr.Len() > 0 {
		t.Errorf("on stderr: %s", &stderr)
	}
}

// TestHandler_large: what is too large is cut, and the entry says so.
func TestHandler_large(t *testing.T) {
	j := listen(t, filepath.Join(t.TempDir(), "socket"))
	lg := slog.New(New(j.path, "agent", io.Discard, text))
	lg.Error("stack", "stack", strings.Repeat("µ", 200_000))
	e := j.next(t)
	want(t, e, "TRUNCATED", "yes")
	for _, name := range []string{"MESSAGE", "STACK"} {
		if v := e[name][0]; len(v) > valueMost || len(v) < valueMost-8 || !strings.HasSuffix(v, "µ…") {
			t.Errorf("%s has %d bytes and ends with %q", name, len(v), v[len(v)-8:])
		}
	}
	l := lg
	for i := range 10 {
		l = l.With(fmt.Sprint("k", i), strings.Repeat("x", 20_000))
	}
	l.Warn("w")
	e = j.next(t)
	want(t, e, "TRUNCATED", "yes", "PRIORITY", "4", "SYSLOG_IDENTIFIER", "agent")
	lg.Info("short")
	if e := j.next(t); e["TRUNCATED"] != nil {
		t.Errorf("a short one is cut: %v", e)
	}
}

// TestHandler_away: without a socket a line goes to stderr with its priority, and to the
// socket again when there is one.
func TestHandler_away(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	var stderr bytes.Buffer
	lg := slog.New(New(path, "agent", &stderr, text))
	lg.Warn("a", "machine", "pump1")
	if want := "<4>level=WARN msg=a machine=pump1\n"; stderr.String() != want {
		t.Errorf("got %q, want %q", &stderr, want)
	}
	j := listen(t, path)
	lg.Info("b")
	want(t, j.next(t), "MESSAGE", "level=INFO msg=b")
	j.c.Close() // the file stays
	lg.Error("c")
	if want := "<4>level=WARN msg=a machine=pump1\n<3>level=ERROR msg=c\n"; stderr.String() != want {
		t.Errorf("got %q, want %q", &stderr, want)
	}
	os.Remove(path)
	j = listen(t, path)
	lg.Info("d")
	want(t, j.next(t), "MESSAGE", "level=INFO msg=d")
}

// TestHandler_full: a journal that takes nothing holds nobody up, and what was lost is said.
func TestHandler_full(t *testing.T) {
	j := listen(t, filepath.Join(t.TempDir(), "socket"))
	var stderr bytes.Buffer
	h := New(j.path, "agent", &stderr, text)
	lg := slog.New(h)
	const lines = 20_000
	for range lines {
		lg.Info("many")
	}
	lost := int(h.o.lost.Load())
	if lost == 0 || lost >= lines {
		t.Fatalf("%d of %d lines lost, want some", lost, lines)
	}
	for range lines - lost {
		want(t, j.next(t), "MESSAGE", "level=INFO msg=many")
	}
	lg.Info("again")
	want(t, j.next(t), "MESSAGE", "level=INFO msg=again")
	want(t, j.next(t), "PRIORITY", "4", "LINES", fmt.Sprint(lost))
	if stderr.Len() > 0 {
		t.Errorf("on stderr: %s", &stderr)
	}
}

func TestHandler_concurrent(t *testing.T) {
	j := listen(t, filepath.Join(t.TempDir(), "socket"))
	lg := slog.New(New(j.path, "agent", io.Discard, text)).With("machine", "pump1")
	var wg sync.WaitGroup
	const workers = 8 // the queue of a socket has room for ten
	for w := range workers {
		wg.Go(func() { lg.With("worker", w).WithGroup("g").Info("line", "n", w) })
	}
	wg.Wait()
	seen := map[string]bool{}
	for range workers {
		e := j.next(t)
		want(t, e, "MACHINE", "pump1", "WORKER", e["G_N"][0])
		seen[e["G_N"][0]] = true
	}
	if len(seen) != workers {
		t.Errorf("%d lines, want %d", len(seen), workers)
	}
}

func TestHere(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var st syscall.Stat_t
	if err := syscall.Fstat(int(f.Fd()), &st); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		variable string
		w        io.Writer
		want     bool
	}{
		{fmt.Sprintf("%d:%d", st.Dev, st.Ino), f, true},
		{fmt.Sprintf("%d:%d", st.Dev, st.Ino+1), f, false},
		{"", f, false},
		{fmt.Sprintf("%d:%d", st.Dev, st.Ino), io.Discard, false},
	} {
		t.Setenv("JOURNAL_STREAM", tc.variable)
		if got := Here(tc.w); got != tc.want {
			t.Errorf("JOURNAL_STREAM=%s, %T: %v", tc.variable, tc.w, got)
		}
	}
}

// FuzzFields: whatever the attributes are, journald can read the entry, and it can be sent.
func FuzzFields(f *testing.F) {
	f.Add("machine", "pump1", "error", "first\nsecond", "g")
	f.Add("", "", "_x", "=", "")
	f.Add("1", "\n", "MESSAGE", "\n\n=", "µ")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, group string) {
		h := New("", "agent", io.Discard, text)
		w := h.WithAttrs([]slog.Attr{slog.String(k1, v1)}).WithGroup(group).WithAttrs([]slog.Attr{slog.Float64("nan", math.NaN())}).(*Handler)
		r := slog.NewRecord(time.Time{}, slog.LevelInfo, v2, 0)
		r.AddAttrs(slog.String(k2, v2), slog.Any(k1, slog.GroupValue(slog.String(k2, v1))), slog.Any("nil", nil))
		b := w.entry('6', []byte(v1), r)
		if len(b) > entryMost+100 {
			t.Errorf("%d bytes", len(b))
		}
		e, err := read(b)
		if err != nil {
			t.Fatalf("%v: %q", err, b)
		}
		if len(e["MESSAGE"]) != 1 || len(e["PRIORITY"]) != 1 {
			t.Errorf("%q", e)
		}
	})
}
