package status

import (
	"bytes"
	"slices"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// processHelp are the help texts of the metrics that the library writes, by the
// prefix of their names. The library itself leaves them empty.
var processHelp = []struct{ prefix, help string }{
	{"go_", "Of the Go runtime, see runtime/metrics."},
	{"process_", "Of this process, see proc(5)."},
}

// misnamed are metrics of the library that Prometheus' own checker objects to:
// names of histograms without being one. Nobody needs them.
var misnamed = []string{"go_cgo_calls_count", "go_cpu_count", "go_gc_forced_count"}

// writeProcess writes the library's metrics of the process and the Go runtime
// as Prometheus' checker wants them: with HELP texts, without the misnamed, and
// with the counters among process_io_* declared as counters.
func writeProcess(b *bytes.Buffer) {
	var text bytes.Buffer
	metrics.WriteProcessMetrics(&text)
	for line := range strings.Lines(text.String()) {
		rest := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE ")
		name := rest[:strings.IndexAny(rest, " {\n")]
		switch {
		case slices.Contains(misnamed, name):
		case strings.HasPrefix(line, "# HELP "):
			for _, h := range processHelp {
				if strings.HasPrefix(name, h.prefix) {
					b.WriteString("# HELP " + name + " " + h.help + "\n")
				}
			}
		case strings.HasPrefix(line, "# TYPE process_io_"):
			b.WriteString(strings.Replace(line, " gauge", " counter", 1))
		default:
			b.WriteString(line)
		}
	}
}
