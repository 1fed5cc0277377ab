package config

import (
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"text/tabwriter"
)

// UnknownKey is the error of Explain where no key has the name.
type UnknownKey struct{ name, near string }

// Error proposes the nearest name.
func (e *UnknownKey) Error() string {
	if e.near != "" {
		return fmt.Sprintf("unknown key %q: did you mean %q?", e.name, e.near)
	}
	return fmt.Sprintf("unknown key %q; check --explain lists all keys", e.name)
}

// Explain writes what the table has about the key called name, or a line for each key
// where name is empty or means several; as JSON, all of them as an array. The name is a
// path as Find takes it. It may give an UnknownKey.
func Explain(w io.Writer, all []Key, name string, asJSON bool) error {
	keys := all
	if name != "" {
		if keys = Find(all, name); len(keys) == 0 {
			return &UnknownKey{name, NearestKey(all, name)}
		}
	}
	if asJSON {
		return json.NewEncoder(w).Encode(keys)
	}
	for _, k := range keys {
		if k.Path != keys[0].Path {
			return writeKeys(w, keys)
		}
	}
	for i, k := range keys { // several kinds of bus or drivers may have a key of one path
		if i > 0 {
			fmt.Fprintln(w)
		}
		if err := writeKey(w, k); err != nil {
			return err
		}
	}
	below := Below(all, keys[0].Path)
	if len(below) > 0 {
		fmt.Fprintln(w)
	}
	return writeKeys(w, below)
}

// writeKey writes for a terminal everything that the table has about a key.
func writeKey(w io.Writer, k Key) error {
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

// writeKeys writes for a terminal a line for each key.
func writeKeys(w io.Writer, keys []Key) error {
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
