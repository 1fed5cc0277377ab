package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"iot-edge-anomaly/model/train"
)

// bar shows training's progress: one line that renews itself on a terminal,
// else a line every ten seconds.
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

func (b *bar) progress(p train.Progress) {
	every := 10 * time.Second
	if b.tty {
		every = 200 * time.Millisecond
	}
	if time.Since(b.last) < every {
		return
	}
	b.last, b.any = time.Now(), true
	line := fmt.Sprintf("%s %3.0f %%, %v left, loss %.4f", p.Phase, 100*p.Done, p.Remaining.Round(time.Second), p.Loss)
	if b.tty {
		fmt.Fprintf(b.w, "\r\x1b[K%s", line)
		return
	}
	fmt.Fprintln(b.w, line)
}

func (b *bar) done() {
	if b.tty && b.any {
		fmt.Fprint(b.w, "\r\x1b[K")
	}
}
