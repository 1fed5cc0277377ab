package gateway

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"
)

const (
	repeatsFree  = 20          // like lines that are written before they are held
	repeatsEvery = time.Minute // then one in this time, with the number of those left out
	repeatsMost  = 512         // different lines that are known
)

// repeats is a handler that bounds what one cause can write into the log: of like lines the
// first ones are written, then one a minute with `repeated`, how many were like it. Lines
// are alike if level, message and texts are; numbers in an error or a reason do not count,
// and neither do durations and counts. It is safe for concurrent use.
type repeats struct {
	h      slog.Handler
	prefix string // attributes and groups that every line has
	seen   *likes
}

// likes are the lines that were written of late.
type likes struct {
	mu sync.Mutex
	of map[string]*like
}

type like struct {
	free  int       // lines that may still be written
	since time.Time // when free was right
	held  int       // lines that were not written
	last  slog.Record
	h     slog.Handler
}

func newRepeats(h slog.Handler) *repeats {
	return &repeats{h: h, seen: &likes{of: map[string]*like{}}}
}

func (r *repeats) Enabled(ctx context.Context, l slog.Level) bool { return r.h.Enabled(ctx, l) }

func (r *repeats) WithAttrs(as []slog.Attr) slog.Handler {
	var b strings.Builder
	b.WriteString(r.prefix)
	for _, a := range as {
		addLike(&b, a)
	}
	return &repeats{r.h.WithAttrs(as), b.String(), r.seen}
}

func (r *repeats) WithGroup(name string) slog.Handler {
	return &repeats{r.h.WithGroup(name), r.prefix + name + ".", r.seen}
}

func (r *repeats) Handle(ctx context.Context, rec slog.Record) error {
	var b strings.Builder
	b.WriteString(r.prefix)
	b.WriteString(rec.Level.String())
	addText(&b, rec.Message, true)
	rec.Attrs(func(a slog.Attr) bool { addLike(&b, a); return true })
	if r.seen.hold(b.String(), rec, r.h, time.Now()) {
		return nil
	}
	return r.h.Handle(ctx, rec)
}

// hold tells whether a line is left out for now.
func (s *likes) hold(key string, rec slog.Record, h slog.Handler, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.of[key]
	if l == nil {
		s.forget(now)
		l = &like{free: repeatsFree, since: now}
		s.of[key] = l
	}
	if n := int(now.Sub(l.since) / repeatsEvery); n != 0 {
		l.free, l.since = min(repeatsFree, max(0, l.free+n)), now
	}
	if l.held == 0 && l.free > 0 {
		l.free--
		return false
	}
	if l.held++; l.held == 1 {
		time.AfterFunc(repeatsEvery, func() { s.tell(l) })
	}
	l.last, l.h = rec.Clone(), h
	return true
}

// forget makes room: what was silent for so long that nothing of it would be held is new
// when it comes again. Where that is not enough, all of it is.
func (s *likes) forget(now time.Time) {
	if len(s.of) < repeatsMost {
		return
	}
	for key, l := range s.of {
		if l.held == 0 && now.Sub(l.since) > repeatsFree*repeatsEvery {
			delete(s.of, key)
		}
	}
	if len(s.of) >= repeatsMost {
		s.of = map[string]*like{}
	}
}

// tell writes the newest of the lines that were held.
func (s *likes) tell(l *like) {
	s.mu.Lock()
	rec, h, n := l.last, l.h, l.held
	l.held, l.last, l.h = 0, slog.Record{}, nil
	l.since, l.free = time.Now(), 0
	s.mu.Unlock()
	if n > 0 {
		rec.AddAttrs(slog.Int("repeated", n))
		h.Handle(context.Background(), rec)
	}
}

// tellRepeats writes what the log holds back, at the end.
func tellRepeats(log *slog.Logger) {
	r, ok := log.Handler().(*repeats)
	if !ok {
		return
	}
	s := r.seen
	s.mu.Lock()
	all := make([]*like, 0, len(s.of))
	for _, l := range s.of {
		all = append(all, l)
	}
	s.mu.Unlock()
	for _, l := range all {
		s.tell(l)
	}
}

// addLike adds what makes an attribute another one.
func addLike(b *strings.Builder, a slog.Attr) {
	b.WriteByte(0)
	b.WriteString(a.Key)
	v := a.Value.Resolve()
	if k := v.Kind(); k != slog.KindString && k != slog.KindAny && k != slog.KindBool && k != slog.KindGroup {
		return
	}
	_, isErr := v.Any().(error)
	addText(b, v.String(), isErr || a.Key == "error" || a.Key == "err" || a.Key == "reason" || a.Key == "detail")
}

// addText adds a text, perhaps without its digits.
func addText(b *strings.Builder, s string, anyNumber bool) {
	for i := range len(s) {
		if c := s[i]; !anyNumber || c < '0' || c > '9' {
			b.WriteByte(c)
		}
	}
}
