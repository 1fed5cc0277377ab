package alerts

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// gateways is build_info with the labels that name a gateway, once for each.
const gateways = `max by (job, instance, device_id, site) (%s)`

// runbook is where the packages install the runbook.
const runbook = "file:///usr/share/doc/iot-edge-anomaly/docs/runbook.md#"

// Rules writes the table as a file of rules for Prometheus and vmalert. faster divides
// every time in it, so that a trial takes minutes; 1 for use.
func Rules(faster float64) string {
	var b strings.Builder
	b.WriteString("# Written from the table in agent/alerts/table.go by `make golden`; do not edit it by hand.\n" +
		"# The scrape job must be called iot-edge-anomaly. docs/monitoring.md says how to use this file.\n" +
		"groups:\n  - name: iot-edge-anomaly\n    rules:\n")
	for _, a := range Table() {
		fmt.Fprintf(&b, "      - alert: %s\n        expr: |-\n          %s\n", a.Name, quicker(a.rule(), faster))
		if a.For > 0 {
			fmt.Fprintf(&b, "        for: %s\n", promTime(a.For, faster))
		}
		fmt.Fprintf(&b, "        labels:\n          severity: %s\n        annotations:\n          summary: %s\n          description: %s\n          runbook_url: %s\n",
			a.Level, strconv.Quote(a.summary()), strconv.Quote(a.Do), a.Runbook())
	}
	return b.String()
}

// rule is the whole expression.
func (a *Alert) rule() string {
	e := fmt.Sprintf("%s %s %s", a.Expr, a.Op, strconv.FormatFloat(a.Over, 'g', -1, 64))
	if a.And != "" {
		e += " and " + a.And
	}
	join := func(with string) string {
		return fmt.Sprintf("(%s) * on (job, instance) group_left (device_id, site) "+gateways, e, with)
	}
	switch {
	case a.plain:
		return e
	case a.gone: // even if it was never there
		return join(`last_over_time(build_info{device_id!=""}[1d])`) + "\n          or on (job, instance) " + e
	}
	return join(`build_info{device_id!=""}`)
}

// summary is the text as a template of Prometheus.
func (a *Alert) summary() string {
	text := a.Text
	for _, label := range labels {
		text = strings.ReplaceAll(text, "$"+label, "{{ $labels."+label+" }}")
	}
	return "{{ $labels.device_id }} ({{ $labels.site }}): " + strings.ReplaceAll(text, "$value", `{{ $value | printf "%.3g" }}`)
}

// labels are those that texts may name.
var labels = []string{"machine", "kind", "sensor", "of"}

// Anchor is the heading of the alert in docs/runbook.md as a link names it.
func (a *Alert) Anchor() string { return strings.ReplaceAll(strings.ToLower(a.Heading()), " ", "-") }

// Heading is the name in words.
func (a *Alert) Heading() string {
	var b strings.Builder
	for i, r := range a.Name {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// Runbook is where the alert's part of the runbook is.
func (a *Alert) Runbook() string { return runbook + a.Anchor() }

// shortest is the shortest range of a trial: some scrapes.
const shortest = 10 * time.Second

// quicker divides the ranges of an expression, [5m], and the seconds of conditions that
// compare with time().
func quicker(expr string, faster float64) string {
	if faster == 1 {
		return expr
	}
	var b strings.Builder
	for {
		before, rest, ok := strings.Cut(expr, "[")
		b.WriteString(before)
		if !ok {
			break
		}
		var text string
		text, expr, _ = strings.Cut(rest, "]")
		d, err := time.ParseDuration(strings.ReplaceAll(text, "1d", "24h"))
		if err != nil {
			panic("range " + text) // of the table
		}
		if d < 24*time.Hour {
			d = max(shortest, time.Duration(float64(d)/faster))
		}
		b.WriteString("[" + promTime(d, 1) + "]")
	}
	out := b.String()
	for _, s := range []int{900, 7200} {
		out = strings.ReplaceAll(out, "> "+strconv.Itoa(s), "> "+strconv.Itoa(int(float64(s)/faster)))
	}
	return out
}

// promTime writes a duration as Prometheus reads it: whole seconds at the least.
func promTime(d time.Duration, faster float64) string {
	s := int(math.Max(1, math.Round(d.Seconds()/faster)))
	switch {
	case s%86400 == 0:
		return strconv.Itoa(s/86400) + "d"
	case s%3600 == 0:
		return strconv.Itoa(s/3600) + "h"
	case s%60 == 0:
		return strconv.Itoa(s/60) + "m"
	}
	return strconv.Itoa(s) + "s"
}
