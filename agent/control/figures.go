package control

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/status"
)

// figures writes them for people.
func figures(w io.Writer, f *status.Figures) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head := "\nMODEL OF\tSINCE\tSHA256\tSCORES P50 P95 P99\tWHEN LEARNT\n"
	for _, name := range slices.Sorted(maps.Keys(f.Models)) {
		m := f.Models[name]
		if m.Version == "" {
			continue
		}
		io.WriteString(t, head)
		head = ""
		since := "-"
		if !m.Since.IsZero() {
			since = stamp(m.Since)
		}
		fmt.Fprintf(t, "%s\t%s\t%.12s\t%s\t%s\n", name, since, m.SHA256, m.Scores, m.Learnt)
	}
	t.Flush() // into memory
	fmt.Fprintf(w, "\nlatency of a row, p50 p95 p99: %s ms; in the first day with these models: %s\n", f.Latency, f.First)
	if q := f.Queue; q != nil {
		fmt.Fprintf(w, "queue: %d messages, %d of %d KiB", q.Messages, q.Bytes>>10, q.MaxBytes>>10)
		if q.Messages > 0 {
			fmt.Fprintf(w, ", the oldest %s old", chart.Span(time.Duration(q.OldestS*float64(time.Second))))
		}
		if q.Lost > 0 {
			fmt.Fprintf(w, "; %d lost since the start", q.Lost)
		}
		fmt.Fprintln(w)
	}
	e := Events{f.Events}
	fmt.Fprintf(w, "\n%s", e.Screen())
}
