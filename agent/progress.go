package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"iot-edge-anomaly/model/train"
)

// progress shows how far a long task is: on a terminal one line that is overwritten,
// else a new line every ten seconds.
type progress struct {
	w    io.Writer
	tty  bool
	last time.Time
	any  bool
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, last: time.Now()}
	if f, ok := w.(*os.File); ok {
		st, err := f.Stat()
		p.tty = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// training shows how far training is.
func (p *progress) training(t train.Progress) {
	p.show("%s %3.0f %%, %v left, loss %.4f", t.Phase, 100*t.Done, t.Remaining.Round(time.Second), t.Loss)
}

// show shows the line unless the last one is too recent.
func (p *progress) show(format string, a ...any) {
	every := 10 * time.Second
	if p.tty {
		every = 200 * time.Millisecond
	}
	if time.Since(p.last) < every {
		return
	}
	p.last, p.any = time.Now(), true
	if line := fmt.Sprintf(format, a...); p.tty {
		fmt.Fprintf(p.w, "\r\x1b[K%s", line)
	} else {
		fmt.Fprintln(p.w, line)
	}
}

// done clears the line on a terminal.
func (p *progress) done() {
	if p.tty && p.any {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
