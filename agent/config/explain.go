package config

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
)

// WriteKey writes for a terminal everything that the table has about a key.
func WriteKey(w io.Writer, k Key) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n%s\n\n", k.Path, plainText(k.Help))
	for _, row := range [][2]string{
		{"type", k.TypeText() + prefixed(": ", k.Kind.text().How)},
		{"unit", k.Unit},
		{map[bool]string{true: "choices", false: "bounds"}[len(k.Choices) > 0], k.Bounds()},
		{"default", k.DefaultText()},
		{"required", map[bool]string{true: "yes"}[k.Need]},
		{"example", k.ExampleText()},
		{"only for", k.ForText()},
		{"also at", strings.Join(k.Also, ", ")},
		{"not yet", k.NotYet},
		{"since", k.Since},
	} {
		if row[1] != "" {
			fmt.Fprintf(&b, "  %-9s  %s\n", row[0], plainText(row[1]))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteKeys writes for a terminal a line for each key.
func WriteKeys(w io.Writer, keys []Key) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, k := range keys {
		path := k.Path
		if only := k.ForText(); only != "" {
			path += " (" + only + ")"
		}
		fmt.Fprintf(t, "%s\t%s\n", path, plainText(k.Help))
	}
	return t.Flush()
}

var markdownLink = regexp.MustCompile(`\[([^\]]*\.md)\]\([^)]*\)`)

// plainText is a sentence of the table without Markdown.
func plainText(s string) string {
	return strings.ReplaceAll(markdownLink.ReplaceAllString(s, "docs/$1"), "`", "")
}
