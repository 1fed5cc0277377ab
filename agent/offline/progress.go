package offline

import (
	"fmt"
	"io"
	"os"
	"time"

	"iot-edge-anomaly/model/train"
)

// Progress shows how far a long task is: on a terminal one line that is overwritten,
// else a new line every ten seconds.
type Progress struct {
	w    io.Writer
	tty  bool
	last time.Time
	any  bool
}

// NewProgress shows it on w. It is for one goroutine.
func NewProgress(w io.Writer) *Progress {
	p := &Progress{w: w, last: time.Now()}
	if f, ok := w.(*os.File); ok {
		st, err := f.Stat()
		p.tty = err == nil && st.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// Training shows how far training is.
func (p *Progress) Training(t train.Progress) {
	p.Show("%s %3.0f %%, %v left, loss %.4f", t.Phase, 100*t.Done, t.Remaining.Round(time.Second), t.Loss)
}

// Show shows the line unless the last one is too recent.
func (p *Progress) Show(format string, a ...any) {
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

// Done clears the line on a terminal.
func (p *Progress) Done() {
	if p.tty && p.any {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
