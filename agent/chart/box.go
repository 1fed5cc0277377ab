package chart

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Box is one drawing: lines and spans on a plane of Width columns, with labels
// around it. A zero value is ready once Title, Desc and Width are set. It is not safe
// for concurrent use.
type Box struct {
	Title string // what is drawn, a few words
	Desc  string // what it shows, for people who cannot see it
	Width int    // columns across, at least 1
	Tall  int    // height in pixels
	Class string // CSS class of the box, beside "plot"

	ID string // unique on the page

	x, y  []tick
	svg   bytes.Buffer
	marks []mark
}

// mark is a label in the drawing.
type mark struct {
	at   float64 // 0 to 1
	text string
	link string // id of its target on the page
}

// Y draws the value axis s on the left, with its grid.
func (b *Box) Y(s Scale) {
	b.y = s.ticks()
	b.svg.WriteString(`<path class="grid" d="`)
	for _, t := range b.y {
		fmt.Fprintf(&b.svg, "M-.5 %dh%d", tall-int(t.at*tall+0.5), b.Width)
	}
	b.svg.WriteString(`"/>`)
}

// Names writes one name per row on the left, from the top.
func (b *Box) Names(names []string) {
	for i, n := range names {
		b.y = append(b.y, tick{at: 1 - (float64(i)+0.5)/float64(len(names)), text: n})
	}
}

// X draws the value axis s at the bottom, for plots whose Width is Plane.
func (b *Box) X(s Scale) { b.x = s.ticks() }

// Count writes the numbers 1 to Width at the bottom.
func (b *Box) Count() {
	step := int(round(float64(b.Width) / 8))
	for i := max(step, 1); i <= b.Width; i += max(step, 1) {
		b.x = append(b.x, tick{at: (float64(i) - 0.5) / float64(b.Width), text: strconv.Itoa(i)})
	}
}

// Path draws d, which is SVG path data: x counts columns, y is 0 to 1000 from the
// top.
func (b *Box) Path(class, d string) {
	if d != "" {
		fmt.Fprintf(&b.svg, `<path class="%s" d="%s"/>`, class, d)
	}
}

// Rule draws a horizontal line at v on s.
func (b *Box) Rule(class string, s Scale, v float64) {
	b.Path(class, fmt.Sprintf("M-.5 %dh%d", s.y(v), b.Width))
}

// Upright draws a vertical line in column x.
func (b *Box) Upright(class string, x float64) {
	b.Path(class, fmt.Sprintf("M%s 0v%d", strconv.FormatFloat(x, 'f', 2, 64), tall))
}

// Mark writes text above column x, as a link to the element with that id. A mark that
// would cover the one before it is joined with it: 3…7.
func (b *Box) Mark(x float64, text, id string) {
	at := (x + 0.5) / float64(b.Width)
	if n := len(b.marks); n > 0 && math.Abs(at-b.marks[n-1].at) < markWide*float64(len(b.marks[n-1].text)+1)/2 {
		first, _, _ := strings.Cut(b.marks[n-1].text, "…")
		b.marks[n-1].text = first + "…" + text
		return
	}
	b.marks = append(b.marks, mark{at, text, id})
}

// markWide is the share of a drawing's width that one character of a mark takes.
const markWide = 0.035

// WriteTo appends the drawing as HTML, which is well-formed XML as well.
func (b *Box) WriteTo(w *bytes.Buffer) {
	fmt.Fprintf(w, `<div class="plot %s" style="height:%dpx"><svg viewBox="-.5 0 %d %d" preserveAspectRatio="none" role="img" aria-labelledby="%s-t %s-d"><title id="%s-t">%s</title><desc id="%s-d">%s</desc>`,
		b.Class, b.Tall, b.Width, tall, b.ID, b.ID, b.ID, Escape(b.Title), b.ID, Escape(b.Desc))
	w.Write(b.svg.Bytes())
	w.WriteString("</svg>")
	for _, t := range b.y {
		fmt.Fprintf(w, `<span class="y" style="bottom:%s%%">%s</span>`, percent(t.at), Escape(t.text))
	}
	for _, t := range b.x {
		fmt.Fprintf(w, `<span class="x" style="left:%s%%">%s`, percent(t.at), Escape(t.text))
		if t.more != "" {
			fmt.Fprintf(w, "<br/>%s", Escape(t.more))
		}
		w.WriteString("</span>")
	}
	for _, m := range b.marks {
		fmt.Fprintf(w, `<a class="mark" style="left:%s%%" href="#%s">%s</a>`, percent(m.at), m.link, Escape(m.text))
	}
	w.WriteString("</div>\n")
}

func percent(part float64) string { return strconv.FormatFloat(100*part, 'f', 2, 64) }

// Escape makes text of any origin safe between tags and in quoted attributes.
// Characters that XML cannot hold become U+FFFD.
func Escape(s string) string {
	var b bytes.Buffer
	for _, r := range s {
		switch {
		case r == '<':
			b.WriteString("&lt;")
		case r == '>':
			b.WriteString("&gt;")
		case r == '&':
			b.WriteString("&amp;")
		case r == '"':
			b.WriteString("&#34;")
		case r == '\'':
			b.WriteString("&#39;")
		case r < ' ' && r != '\t' && r != '\n', r >= 0x7f && r < 0xa0, r == 0xfffe, r == 0xffff:
			b.WriteRune(0xfffd)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
