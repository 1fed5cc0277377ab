package htmlreport

import (
	"io"
	"math"
	"strings"

	"iot-edge-anomaly/agent/chart"
)

// Sheet is a page of sentences and tables, such as the monthly report of a gateway.
type Sheet struct {
	Title, Badge string
	Tone         string   // of the badge: good, warn or bad
	Says         []string // sentences
	Warnings     []string // what somebody should look at
	Curves       []Curve
	Tables       []Table
}

// Table has one row of heads; a head with a leading # is that of a column of numbers.
type Table struct {
	Title, Explained string
	Head             []string
	Rows             [][]string
}

// Curve is a number of each day.
type Curve struct {
	Title, Explained, Desc string
	Days                   []float64 // NaN = unknown
}

// WriteSheet writes the page and returns the error of w.
func WriteSheet(w io.Writer, s *Sheet) error {
	d := &document{title: s.Title, badge: s.Badge, tone: s.Tone}
	d.card("In words")
	for _, text := range s.Says {
		d.say("%s", text)
	}
	if len(s.Warnings) > 0 {
		d.list("warnings", s.Warnings)
	}
	d.endCard()
	for _, t := range s.Tables {
		d.figure(t.Title, t.Explained)
		d.table(t.Title, t.Head...)
		for _, row := range t.Rows {
			d.body.WriteString("<tr>")
			for i, cell := range row {
				if i == 0 {
					d.named(cell)
				} else if strings.HasPrefix(t.Head[i], "#") {
					d.number(cell)
				} else {
					d.text(cell)
				}
			}
			d.body.WriteString("</tr>\n")
		}
		d.endTable()
		d.endFigure()
	}
	for _, c := range s.Curves {
		d.curve(c)
	}
	return d.writeTo(w)
}

// curve draws a number of each day; days without one are left out of the line.
func (d *document) curve(c Curve) {
	d.figure(c.Title, c.Explained)
	most, points := 0.0, [][2]float64{}
	for i, v := range c.Days {
		if !math.IsNaN(v) {
			most = max(most, v)
		}
		points = append(points, [2]float64{float64(i), v})
	}
	scale := chart.Linear(0, most)
	b := &chart.Box{Title: c.Title, Desc: c.Desc, Width: max(len(c.Days), 1), Tall: 170}
	b.Y(scale)
	b.Count()
	b.Path("value", chart.Curve(points, scale))
	d.draw(b)
	d.endFigure()
}
