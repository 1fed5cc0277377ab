package htmlreport

import (
	"bytes"
	_ "embed" // the style sheet
	"fmt"
	"io"

	"iot-edge-anomaly/agent/chart"
	"iot-edge-anomaly/agent/status/page"
)

//go:embed style.css
var style string

// policy forbids everything but the page's own styles.
const policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

// document collects a page. Figures are numbered in the order in which they are
// added, and listed before the first one.
type document struct {
	title   string
	badge   string
	tone    string // of the badge: good, warn or bad
	words   bytes.Buffer
	body    bytes.Buffer
	figures []string
	boxes   int
}

// writeTo writes the whole page.
func (d *document) writeTo(w io.Writer) error {
	look, err := page.Files.ReadFile("static/style.css")
	if err != nil {
		return err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta http-equiv="Content-Security-Policy" content="%s"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<meta name="color-scheme" content="light dark"/>
<meta name="generator" content="iot-edge-anomaly"/>
<title>%s</title>
<style>
%s%s</style>
</head>
<body class="sheet">
<header><h1>%s</h1><p class="badge %s">%s</p></header>
<main>
`, policy, chart.Escape(d.title), look, style, chart.Escape(d.title), d.tone, chart.Escape(d.badge))
	b.Write(d.words.Bytes())
	b.WriteString("<nav class=\"card\" aria-label=\"figures\"><h2>Figures</h2><ol>\n")
	for i, f := range d.figures {
		fmt.Fprintf(&b, "<li><a href=\"#f%d\">%s</a></li>\n", i+1, chart.Escape(f))
	}
	b.WriteString("</ol></nav>\n")
	b.Write(d.body.Bytes())
	b.WriteString("</main>\n</body>\n</html>\n")
	_, err = w.Write(b.Bytes())
	return err
}

// card opens a section of words.
func (d *document) card(title string) {
	fmt.Fprintf(&d.words, "<section class=\"card\"><h2>%s</h2>\n", chart.Escape(title))
}

func (d *document) endCard() { d.words.WriteString("</section>\n") }

// say writes a paragraph; names in it are escaped like everything else.
func (d *document) say(format string, args ...any) {
	fmt.Fprintf(&d.words, "<p>%s</p>\n", chart.Escape(fmt.Sprintf(format, args...)))
}

// list writes the sentences as a list with this class.
func (d *document) list(class string, sentences []string) {
	fmt.Fprintf(&d.words, "<ul class=\"%s\">\n", class)
	for _, s := range sentences {
		fmt.Fprintf(&d.words, "<li>%s</li>\n", chart.Escape(s))
	}
	d.words.WriteString("</ul>\n")
}

// facts writes names and values as a list of terms.
func (d *document) facts(pairs [][2]string) {
	d.words.WriteString("<dl class=\"facts\">\n")
	for _, p := range pairs {
		fmt.Fprintf(&d.words, "<div><dt>%s</dt><dd>%s</dd></div>\n", chart.Escape(p[0]), chart.Escape(p[1]))
	}
	d.words.WriteString("</dl>\n")
}

// identity names the model.
func (d *document) identity(a About) {
	fmt.Fprintf(&d.words, "<p class=\"soft small\">Model %s, version %s, sha256 %s</p>\n", chart.Escape(a.Model), chart.Escape(a.Version), chart.Escape(a.SHA256))
}

// figure opens a numbered figure with a sentence or two on how to read it.
func (d *document) figure(title, explained string) {
	d.figures = append(d.figures, title)
	fmt.Fprintf(&d.body, "<figure class=\"card\" id=\"f%d\"><figcaption><h2>%d. %s</h2><p class=\"soft\">%s</p></figcaption>\n",
		len(d.figures), len(d.figures), chart.Escape(title), chart.Escape(explained))
}

func (d *document) endFigure() { d.body.WriteString("</figure>\n") }

// draw puts a drawing into the figure.
func (d *document) draw(b *chart.Box) {
	d.boxes++
	b.ID = fmt.Sprintf("p%d", d.boxes)
	b.WriteTo(&d.body)
}

// key explains the classes of what is drawn.
func (d *document) key(pairs ...string) {
	d.body.WriteString("<p class=\"key\">")
	for i := 0; i+1 < len(pairs); i += 2 {
		d.between("<span class=\""+pairs[i]+"\">", pairs[i+1], "</span> ")
	}
	d.body.WriteString("</p>\n")
}

// table opens a table of the figure; a head with a leading # is right-aligned.
func (d *document) table(caption string, heads ...string) {
	fmt.Fprintf(&d.body, "<div class=\"scroll\"><table><caption class=\"hidden\">%s</caption><thead><tr>", chart.Escape(caption))
	for _, h := range heads {
		class := ""
		if h != "" && h[0] == '#' {
			h, class = h[1:], " class=\"number\""
		}
		fmt.Fprintf(&d.body, "<th scope=\"col\"%s>%s</th>", class, chart.Escape(h))
	}
	d.body.WriteString("</tr></thead><tbody>\n")
}

func (d *document) endTable() { d.body.WriteString("</tbody></table></div>\n") }

// text writes a cell of words, number a cell of digits and named a channel's name,
// which keeps its own direction of writing.
func (d *document) text(s string)   { d.between("<td>", s, "</td>") }
func (d *document) number(s string) { d.between("<td class=\"number\">", s, "</td>") }
func (d *document) named(s string)  { d.between("<th scope=\"row\"><bdi>", s, "</bdi></th>") }

// between writes text between tags. It is not inlined: that would add kilobytes to
// the binary.
//
//go:noinline
func (d *document) between(open, text, end string) {
	d.body.WriteString(open)
	d.body.WriteString(chart.Escape(text))
	d.body.WriteString(end)
}
