package alerts

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"iot-edge-anomaly/agent/detect"
)

var update = flag.Bool("update", false, "write the files of board/monitoring anew")

const folder = "../../board/monitoring/"

// promtool runs Prometheus' own checker.
func promtool(t *testing.T, args ...string) {
	t.Helper()
	path, err := exec.LookPath("promtool")
	if err != nil {
		t.Fatal("promtool is missing: scripts/setup.sh prometheus")
	}
	if out, err := exec.Command(path, args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %v: %v\n%s", args, err, out)
	}
}

// TestRules: the file of rules is what the table says, and Prometheus reads it; so does
// it the faster one of a trial.
func TestRules(t *testing.T) {
	path := folder + "rules.yml"
	want := Rules(1)
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: run make golden and read the diff", path)
	}
	quick := filepath.Join(t.TempDir(), "quick.yml")
	if err := os.WriteFile(quick, []byte(Rules(30)), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"[5m]", "> 7200", "for: 10m"} {
		if strings.Contains(Rules(30), wrong) {
			t.Errorf("the rules of a trial have %s", wrong)
		}
	}
	promtool(t, "check", "config", folder+"prometheus.yml") // with the rules beside it
	promtool(t, "check", "rules", path)
	promtool(t, "check", "rules", quick)
}

// TestTable: what the rows must have in common.
func TestTable(t *testing.T) {
	page, err := os.ReadFile("../../docs/runbook.md")
	if err != nil {
		t.Fatal(err)
	}
	last, names := detect.LevelCritical.Rank(), map[string]bool{}
	for _, a := range Table() {
		if names[a.Name] {
			t.Errorf("%s stands twice", a.Name)
		}
		names[a.Name] = true
		if a.Level.Rank() > last || a.Level.Rank() < 1 {
			t.Errorf("%s (%s) does not stand with its level", a.Name, a.Level)
		}
		last = a.Level.Rank()
		if detect.LevelOf(detect.Alert, a.Severity()) != a.Level {
			t.Errorf("%s: an event of severity %s is no %s", a.Name, a.Severity(), a.Level)
		}
		if !slices.Contains([]string{">", ">=", "<", "=="}, a.Op) {
			t.Errorf("%s: operator %q", a.Name, a.Op)
		}
		if !strings.HasSuffix(a.Do, ".") || strings.HasSuffix(a.Text, ".") || a.Text == "" {
			t.Errorf("%s: %q, %q: want a clause, then sentences", a.Name, a.Text, a.Do)
		}
		if len(a.told(123.456, "a-machine-with-a-rather-long-name"))+40 > 300 {
			t.Errorf("%s: the detail of an event would be cut: %s", a.Name, a.told(1, "m"))
		}
		_, part, ok := strings.Cut(string(page), "\n#### "+a.Heading()+"\n")
		part, _, _ = strings.Cut(part, "\n#### ")
		if !ok || !strings.Contains(part, "`"+a.Name+"`") || !strings.Contains(part, "1. ") {
			t.Errorf("docs/runbook.md has no part %q that names the alert and the steps", a.Heading())
		}
	}
	if n := len(Local()); n < 8 {
		t.Errorf("a gateway watches %d alerts", n)
	}
}

// notMetrics are words of PromQL and labels, among those with an underscore.
var notMetrics = []string{"group_left", "histogram_quantile", "last_over_time", "device_id"}

// metricsIn are the names of metrics in an expression.
func metricsIn(expr string) (names []string) {
	for _, part := range []*regexp.Regexp{regexp.MustCompile(`\{[^}]*\}`), regexp.MustCompile(`(by|on|group_left) \([^)]*\)`)} {
		expr = part.ReplaceAllString(expr, " ")
	}
	for _, name := range regexp.MustCompile(`[a-z]+(_[a-z0-9]+)+`).FindAllString(expr, -1) {
		if !slices.Contains(notMetrics, name) {
			names = append(names, strings.TrimSuffix(name, "_bucket"))
		}
	}
	return names
}

// exported tells whether an agent exports a metric: docs/metrics.md is written from the
// table of metrics, and a full scrape has each.
func exported(t *testing.T, name string) bool {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(string(page), "| `"+name+"`") || strings.Contains(string(page), "| `"+name+"{") ||
		name == "process_start_time_seconds" // of the library, on every Linux
}

// TestRules_metrics: each rule asks for metrics that an agent exports.
func TestRules_metrics(t *testing.T) {
	for _, a := range Table() {
		names := metricsIn(a.Expr + " " + a.And)
		for _, name := range names {
			if !exported(t, name) {
				t.Errorf("%s: no agent exports %s", a.Name, name)
			}
		}
		if len(names) == 0 && a.Name != "ApplicationDown" {
			t.Errorf("%s asks for nothing", a.Name)
		}
	}
}

// TestPage: docs/monitoring.md lists the alerts that a gateway watches itself.
func TestPage(t *testing.T) {
	const path, from, to = "../../docs/monitoring.md", "<!-- local -->\n", "<!-- /local -->"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, _ := strings.Cut(string(page), from)
	_, tail, ok := strings.Cut(rest, to)
	if !ok {
		t.Fatalf("%s has no place for the list", path)
	}
	var b strings.Builder
	b.WriteString("| `source` | level |\n|---|---|\n")
	for _, a := range Local() {
		b.WriteString("| [`" + a.Name + "`](runbook.md#" + a.Anchor() + ") | " + string(a.Level) + " |\n")
	}
	want := head + from + b.String() + to + tail
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if string(page) != want {
		t.Errorf("%s is stale: run make golden and read the diff", path)
	}
}
