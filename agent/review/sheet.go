package review

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/htmlreport"
)

// sheet is what is told, before it is text or HTML.
type sheet struct{ htmlreport.Sheet }

// say adds a sentence.
func (s *sheet) say(format string, args ...any) {
	s.Says = append(s.Says, fmt.Sprintf(format, args...))
}

// warn adds a sentence about what somebody should look at.
func (s *sheet) warn(format string, args ...any) {
	s.Warnings = append(s.Warnings, fmt.Sprintf(format, args...))
}

// table adds one, unless it has no row.
func (s *sheet) table(title, explained string, head []string, rows [][]string) {
	if len(rows) > 0 {
		s.Tables = append(s.Tables, htmlreport.Table{Title: title, Explained: explained, Head: head, Rows: rows})
	}
}

// text is the sheet for a terminal.
func (s *sheet) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", s.Title, s.Badge)
	for _, t := range s.Says {
		fmt.Fprintln(&b, t)
	}
	for _, t := range s.Warnings {
		fmt.Fprintln(&b, "! "+t)
	}
	for _, t := range s.Tables {
		fmt.Fprintf(&b, "\n%s\n", strings.ToUpper(t.Title))
		tab := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, row := range append([][]string{t.Head}, t.Rows...) {
			fmt.Fprintln(tab, "  "+strings.ReplaceAll(strings.Join(row, "\t"), "#", ""))
		}
		tab.Flush() // into memory
	}
	return control.Plain(b.String())
}
