package chart

import (
	"bytes"
	"strings"
	"testing"
)

// TestBox_marks: marks that would cover each other are joined.
func TestBox_marks(t *testing.T) {
	b := &Box{Title: "a < b", Desc: `"d"`, Width: 100, Tall: 50, ID: "p1"}
	for i, x := range []float64{10, 11, 13, 50} {
		b.Mark(x, string(rune('1'+i)), "e"+string(rune('1'+i)))
	}
	var w bytes.Buffer
	b.WriteTo(&w)
	for _, want := range []string{`left:10.50%" href="#e1">1…3</a>`, `left:50.50%" href="#e4">4</a>`, `<title id="p1-t">a &lt; b</title><desc id="p1-d">&#34;d&#34;</desc>`} {
		if !strings.Contains(w.String(), want) {
			t.Errorf("%s lacks %s", w.String(), want)
		}
	}
	if n := strings.Count(w.String(), `class="mark"`); n != 2 {
		t.Errorf("%d marks, want 2", n)
	}
}
