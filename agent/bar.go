package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"iot-edge-anomaly/model/train"
)

// bar shows the progress of what takes a while: one line that renews itself on a
// terminal, else a line every ten seconds.
type bar struct {
	w    io.Writer
	tty  bool
	last time.Time
	any  bool
}

func newBar(w io.Writer) *bar {
	b := &bar{w: w, last: time.Now()}
	if f, ok := w.(*os.File); ok {
		st, err := f.Stat()
		b.tty = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return b
}

// training shows how far training is.
func (b *bar) training(p train.Progress) {
	b.show("%s %3.0f %%, %v left, loss %.4f", p.Phase, 100*p.Done, p.Remaining.Round(time.Second), p.Loss)
}

func (b *bar) show(format string, a ...any) {
	every := 10 * time.Second
	if b.tty {
		every = 200 * time.Millisecond
	}
	if time.Since(b.last) < every {
		return
	}
	b.last, b.any = time.Now(), true
	if line := fmt.Sprintf(format, a...); b.tty {
		fmt.Fprintf(b.w, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(b.w, line)
	}
}

func (b *bar) done() {
	if b.tty && b.any {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
