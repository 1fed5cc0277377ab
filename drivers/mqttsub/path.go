package mqttsub

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Path leads to a value in a JSON document. The zero Path is the document itself.
type Path struct {
	text  string
	steps []step
}

// step is the name of a member, or the number of an element.
type step struct {
	name  string
	index int // -1 = a name
}

// ParsePath reads a path in a part of the notation of JSONPath (RFC 9535): $ is the
// document, .name or ['any name'] a member of an object, [0] an element of an array.
// The error says at which character it is wrong, from 1.
func ParsePath(text string) (Path, error) {
	p := Path{text: text}
	rest, ok := strings.CutPrefix(text, "$")
	if !ok {
		return Path{}, fmt.Errorf("path %q does not begin with $", text)
	}
	for rest != "" {
		s, n := nextStep(rest)
		if n == 0 {
			return Path{}, fmt.Errorf("path %q is wrong at character %d: want .name, ['name'] or [number]", text, len([]rune(text))-len([]rune(rest))+1)
		}
		p.steps = append(p.steps, s)
		rest = rest[n:]
	}
	return p, nil
}

// nextStep reads the first step of a text, and how many bytes it takes; 0 = it is
// none.
func nextStep(s string) (step, int) {
	switch {
	case s[0] == '.':
		n := strings.IndexAny(s[1:], ".[]'\"* \t\n")
		if n < 0 {
			n = len(s) - 1
		}
		if n == 0 {
			return step{}, 0
		}
		return step{s[1 : 1+n], -1}, 1 + n
	case len(s) > 2 && s[0] == '[' && (s[1] == '\'' || s[1] == '"'):
		name, n := quoted(s[1:])
		if n == 0 || !strings.HasPrefix(s[1+n:], "]") {
			return step{}, 0
		}
		return step{name, -1}, n + 2
	case s[0] == '[':
		digits, _, closed := strings.Cut(s[1:], "]")
		i, err := strconv.ParseUint(digits, 10, 16)
		if !closed || err != nil || strings.HasPrefix(digits, "+") {
			return step{}, 0
		}
		return step{"", int(i)}, len(digits) + 2
	}
	return step{}, 0
}

// quoted reads a name in single or double quotes, in which a backslash takes the
// next character as it is, and how many bytes it takes; 0 = the end is missing.
func quoted(s string) (string, int) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch c := s[i]; {
		case c == s[0]:
			return b.String(), i + 1
		case c == '\\' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", 0
}

// String is the path as it was written.
func (p Path) String() string { return p.text }

// find is the value that the path leads to.
func (p Path) find(doc any) (any, bool) {
	for _, s := range p.steps {
		switch d := doc.(type) {
		case map[string]any:
			x, has := d[s.name]
			if !has || s.index >= 0 {
				return nil, false
			}
			doc = x
		case []any:
			if s.index < 0 || s.index >= len(d) {
				return nil, false
			}
			doc = d[s.index]
		default:
			return nil, false
		}
	}
	return doc, true
}

// namesShown is how many members of an object a message lists.
const namesShown = 8

// outline says what a document has, for the reader of a path that leads nowhere.
func outline(doc any) string {
	switch d := doc.(type) {
	case map[string]any:
		names := slices.Sorted(maps.Keys(d))
		for i, name := range names {
			names[i] = short(name)
		}
		if len(names) > namesShown {
			names = append(names[:namesShown], "…")
		}
		return "it has " + cmp.Or(strings.Join(names, ", "), "no members")
	case []any:
		return fmt.Sprintf("it is a list of %d", len(d))
	}
	return "it is a single value"
}
