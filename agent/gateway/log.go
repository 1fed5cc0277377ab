package gateway

import (
	"context"
	"io"
	"log"
	"log/slog"
	"os"
)

// logLevel is the level in force of what NewLog made. A reload may change it.
var logLevel slog.LevelVar

// setLogLevel sets a level, which the configuration has checked.
func setLogLevel(level string) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	logLevel.Set(l)
}

// NewLog makes the process's logger, which writes text, or JSON if the format is json, to w
// from a level of the configuration on, and takes what libraries log too. A reload changes
// its level. Under systemd each line begins with its level as journald understands it
// (sd-daemon(3)) and has no time, which the journal adds. Lines that repeat are bounded.
func NewLog(w io.Writer, level, format string) *slog.Logger {
	setLogLevel(level)
	journal, asJSON := os.Getenv("JOURNAL_STREAM") != "", format == "json"
	o := &slog.HandlerOptions{Level: &logLevel, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case journal && len(groups) == 0 && a.Key == slog.TimeKey:
			return slog.Attr{}
		case asJSON && a.Value.Kind() == slog.KindDuration: // else a bare number
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	logged.stamp, w = journal, keeping{w}
	to := func(w io.Writer) slog.Handler {
		if asJSON {
			return slog.NewJSONHandler(w, o)
		}
		return slog.NewTextHandler(w, o)
	}
	h := to(w)
	if journal {
		h = &journalHandler{w: w, to: to, h: h}
	}
	h = newRepeats(h)
	lg := slog.New(h)
	slog.SetDefault(lg)
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(h, slog.LevelWarn).Writer()) // libraries log too
	return lg
}

// journalHandler puts the priority in front of each line.
type journalHandler struct {
	w     io.Writer
	to    func(io.Writer) slog.Handler
	h     slog.Handler
	chain []func(slog.Handler) slog.Handler
}

func (j *journalHandler) Enabled(ctx context.Context, l slog.Level) bool { return j.h.Enabled(ctx, l) }

func (j *journalHandler) Handle(ctx context.Context, r slog.Record) error {
	h := j.to(prefixed{j.w, priority(r.Level)})
	for _, f := range j.chain {
		h = f(h)
	}
	return h.Handle(ctx, r)
}

func (j *journalHandler) WithAttrs(as []slog.Attr) slog.Handler {
	return j.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(as) })
}

func (j *journalHandler) WithGroup(name string) slog.Handler {
	return j.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
}

func (j *journalHandler) with(f func(slog.Handler) slog.Handler) slog.Handler {
	c := *j
	c.chain = append(append([]func(slog.Handler) slog.Handler(nil), j.chain...), f)
	return &c
}

func priority(l slog.Level) string {
	switch {
	case l >= slog.LevelError:
		return "<3>"
	case l >= slog.LevelWarn:
		return "<4>"
	case l >= slog.LevelInfo:
		return "<6>"
	}
	return "<7>"
}

// prefixed writes each line in one call with a prefix.
type prefixed struct {
	w      io.Writer
	prefix string
}

func (p prefixed) Write(b []byte) (int, error) {
	if _, err := p.w.Write(append([]byte(p.prefix), b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}
