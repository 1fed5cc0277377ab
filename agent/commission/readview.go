package commission

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/sys/unix"
)

// readView shows passes of readouts: as JSON, as tables one after the other, or,
// when it watches on a terminal, each table in place of the one before.
type readView struct {
	w      io.Writer
	tty    *os.File // nil = none
	json   bool
	watch  bool
	before map[string]float64 // channel -> value of the pass before
	passes int
}

func (t *readView) print(rs []readout) error {
	if t.json {
		return json.NewEncoder(t.w).Encode(rs)
	}
	defer func() { t.passes++ }()
	if !t.watch {
		_, err := t.w.Write(t.table(rs))
		return err
	}
	now := time.Now().Format("15:04:05")
	if t.tty == nil {
		gap := ""
		if t.passes > 0 {
			gap = "\n"
		}
		_, err := fmt.Fprintf(t.w, "%s%s\n%s", gap, now, t.table(rs))
		return err
	}
	text := now + "  Ctrl-C ends\n" + string(t.table(rs))
	_, err := io.WriteString(t.w, t.overwrite(text))
	return err
}

// Control sequences of ECMA-48: cursor to the top left, erase to the end of the
// line, erase to the end of the screen.
const (
	toTop    = "\x1b[H"
	eraseEnd = "\x1b[K"
	eraseAll = "\x1b[J"
)

// overwrite puts text in place of the screen, cut to its size, so that it does
// not scroll.
func (t *readView) overwrite(text string) string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	rows, columns := 0, 0
	if size, err := unix.IoctlGetWinsize(int(t.tty.Fd()), unix.TIOCGWINSZ); err == nil {
		rows, columns = int(size.Row), int(size.Col)
	}
	if rows > 3 && len(lines) > rows-1 {
		more := len(lines) - (rows - 2)
		lines = append(lines[:rows-2], fmt.Sprintf("… %d more: --sensor NAME shows one sensor", more))
	}
	var b strings.Builder
	b.WriteString(toTop)
	for _, l := range lines {
		if r := []rune(l); columns > 1 && len(r) > columns {
			l = string(r[:columns-1]) + "…"
		}
		b.WriteString(l + eraseEnd + "\n")
	}
	b.WriteString(eraseAll)
	return b.String()
}

// table lays the readouts out in columns. When it watches, it shows how each
// value has changed since the pass before, and how old it is.
func (t *readView) table(rs []readout) []byte {
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	if t.watch {
		fmt.Fprintln(w, "CHANNEL\tVALUE\tCHANGE\tUNIT\tQUALITY\tAGE\tLATENCY\tERROR")
	} else {
		fmt.Fprintln(w, "CHANNEL\tVALUE\tUNIT\tQUALITY\tLATENCY\tERROR")
	}
	now, values := time.Now(), make(map[string]float64, len(rs))
	for i, r := range rs {
		name, value, change, age := r.Channel, "-", "", "-"
		if r.Value != nil {
			value = digits(*r.Value)
			if old, has := t.before[name]; has && old != *r.Value {
				change = signed(*r.Value - old)
			}
			values[name] = *r.Value
		}
		if r.Text != "" {
			value = strconv.Quote(r.Text)
		}
		if r.State != "" {
			value += " " + r.State
		}
		if r.Time != nil {
			age = fmt.Sprintf("%.1f s", max(0, now.Sub(*r.Time).Seconds()))
		}
		latency := fmt.Sprintf("%.1f ms", r.LatencyMS)
		fault := strings.ReplaceAll(r.Error, "\n", "; ")
		if i > 0 && fault != "" && rs[i-1].Sensor == r.Sensor && rs[i-1].Error == r.Error {
			fault = "as above"
		}
		if t.watch {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, value, change, r.Unit, r.Quality, age, latency, fault)
		} else {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", name, value, r.Unit, r.Quality, latency, fault)
		}
		if r.Count != nil {
			t.count(w, r, values)
		}
	}
	w.Flush() // into memory
	t.before = values
	return trimLines(b.Bytes())
}

// count writes the line of what a counter shows, below that of its rate.
func (t *readView) count(w io.Writer, r readout, values map[string]float64) {
	name, change := r.Channel+" count", ""
	if old, has := t.before[name]; has && old != *r.Count {
		change = signed(*r.Count - old)
	}
	values[name] = *r.Count
	if t.watch {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\t\t\t\n", name, digits(*r.Count), change, r.CountUnit)
	} else {
		fmt.Fprintf(w, "%s\t%s\t%s\t\t\t\n", name, digits(*r.Count), r.CountUnit)
	}
}

// signed writes a change with its sign: three digits, or whole numbers in full.
func signed(x float64) string {
	if math.Abs(x) >= 100 {
		x = math.Round(x)
	} else {
		x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 3, 64), 64)
	}
	if x > 0 {
		return "+" + digits(x)
	}
	return digits(x)
}

// digits writes a whole number in full, as far as a float64 holds it, because
// people compare counters with a display. Other numbers get the seven digits that a
// float32 has, and large ones two decimals, as on MQTT.
func digits(x float64) string {
	if x == math.Trunc(x) && math.Abs(x) <= 1<<53 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	if size := math.Abs(x); size >= 1e5 && size < 1e13 {
		return strings.TrimSuffix(strings.TrimRight(strconv.FormatFloat(x, 'f', 2, 64), "0"), ".")
	}
	return strconv.FormatFloat(x, 'g', 7, 64)
}

// trimLines removes blanks at the ends of lines: most rows have an empty last
// column.
func trimLines(text []byte) []byte {
	var out []byte
	for line := range bytes.Lines(text) {
		out = append(append(out, bytes.TrimRight(line, " \n")...), '\n')
	}
	return out
}
