package gateway

import (
	"io"
	"log"
	"log/slog"

	"iot-edge-anomaly/agent/journal"
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
// its level. Where w leads to systemd's journal, each line is an entry with fields there, and
// has no time, which the journal adds. Lines that repeat are bounded.
func NewLog(w io.Writer, level, format string) *slog.Logger {
	return newLog(w, level, format, journal.Socket)
}

// newLog is NewLog with another socket of the journal.
func newLog(w io.Writer, level, format, socket string) *slog.Logger {
	setLogLevel(level)
	toJournal, asJSON := journal.Here(w), format == "json"
	o := &slog.HandlerOptions{Level: &logLevel, ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		switch {
		case toJournal && len(groups) == 0 && a.Key == slog.TimeKey:
			return slog.Attr{}
		case asJSON && a.Value.Kind() == slog.KindDuration: // else a bare number
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	form := func(w io.Writer) slog.Handler {
		if asJSON {
			return slog.NewJSONHandler(keeping{w}, o)
		}
		return slog.NewTextHandler(keeping{w}, o)
	}
	logged.stamp = toJournal
	h := form(w)
	if toJournal {
		h = journal.New(socket, "iot-edge-anomaly", w, form)
	}
	h = newRepeats(h)
	lg := slog.New(h)
	slog.SetDefault(lg)
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(h, slog.LevelWarn).Writer()) // libraries log too
	return lg
}
