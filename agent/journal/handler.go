package journal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync/atomic"
	"syscall"
	"time"
)

// Socket is where journald takes entries.
const Socket = "/run/systemd/journal/socket"

// Here tells whether what is written to w arrives in the journal: systemd names its device
// in JOURNAL_STREAM, systemd.exec(5). The variable alone is inherited by programs whose
// output goes elsewhere.
func Here(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	st, err := f.Stat()
	if err != nil {
		return false
	}
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && os.Getenv("JOURNAL_STREAM") == fmt.Sprintf("%d:%d", sys.Dev, sys.Ino)
}

// Handler writes entries. It is safe for concurrent use.
type Handler struct {
	o      *options
	h      slog.Handler // of no record: it tells levels, and is what chain makes
	chain  []func(slog.Handler) slog.Handler
	prefix string // of the groups
	fields fields // of attributes that every line has
}

type options struct {
	identifier string
	stderr     io.Writer
	form       func(io.Writer) slog.Handler
	to         sender
	lost       atomic.Int64 // lines since the journal took one
}

// New makes a handler that sends entries to the socket, and to stderr what the socket does
// not take. form makes the handler that writes a line; the line is the entry's MESSAGE. The
// identifier is what journalctl prints before it.
func New(socket, identifier string, stderr io.Writer, form func(io.Writer) slog.Handler) *Handler {
	return &Handler{o: &options{identifier: identifier, stderr: stderr, form: form, to: sender{path: socket, fd: -1}}, h: form(io.Discard)}
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.h.Enabled(ctx, l) }

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(as []slog.Attr) slog.Handler {
	c := h.with(func(h slog.Handler) slog.Handler { return h.WithAttrs(as) })
	c.fields.b = slices.Clip(c.fields.b)
	for _, a := range as {
		c.fields.attr(c.prefix, a)
	}
	return c
}

// WithGroup implements slog.Handler.
func (h *Handler) WithGroup(name string) slog.Handler {
	c := h.with(func(h slog.Handler) slog.Handler { return h.WithGroup(name) })
	if name != "" {
		c.prefix += name + "_"
	}
	return c
}

func (h *Handler) with(f func(slog.Handler) slog.Handler) *Handler {
	c := *h
	c.chain = append(slices.Clip(h.chain), f)
	return &c
}

// Handle implements slog.Handler. Its error is that of stderr.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	var line bytes.Buffer
	form := h.o.form(&line)
	for _, f := range h.chain {
		form = f(form)
	}
	if err := form.Handle(ctx, r); err != nil {
		return err
	}
	p := priority(r.Level)
	switch err := h.o.to.send(h.entry(p, bytes.TrimSuffix(line.Bytes(), []byte("\n")), r)); err {
	case nil:
		if n := h.o.lost.Swap(0); n > 0 {
			r := slog.NewRecord(time.Now(), slog.LevelWarn, "the journal took nothing for a while: lines of the log are lost", 0)
			r.AddAttrs(slog.Int64("lines", n))
			return (&Handler{o: h.o}).Handle(ctx, r)
		}
		return nil
	case errFull:
		h.o.lost.Add(1) // stderr leads to the same journal
		return nil
	}
	_, err := h.o.stderr.Write(append([]byte{'<', p, '>'}, line.Bytes()...))
	return err
}

// entry is a line with its fields.
func (h *Handler) entry(priority byte, line []byte, r slog.Record) []byte {
	var f fields
	f.add("MESSAGE", string(line))
	f.add("PRIORITY", string(rune(priority)))
	f.add("SYSLOG_IDENTIFIER", h.o.identifier)
	f.add("SYSLOG_FACILITY", "3") // a daemon
	f.cut = f.cut || h.fields.cut
	if len(f.b)+len(h.fields.b) <= entryMost {
		f.b = append(f.b, h.fields.b...)
	} else {
		f.cut = true
	}
	r.Attrs(func(a slog.Attr) bool { f.attr(h.prefix, a); return true })
	if f.cut {
		f.b = append(f.b, "TRUNCATED=yes\n"...)
	}
	return f.b
}

// priority is a level as syslog counts.
func priority(l slog.Level) byte {
	switch {
	case l >= slog.LevelError:
		return '3'
	case l >= slog.LevelWarn:
		return '4'
	case l >= slog.LevelInfo:
		return '6'
	}
	return '7'
}
