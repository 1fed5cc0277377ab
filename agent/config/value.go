package config

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxValues bounds the walk through the file. A small file whose aliases multiply
// is refused before it costs time or memory.
const maxValues = 50_000

// parser collects the problems of one file.
type parser struct {
	file     string
	drivers  map[string]DriverInfo
	problems Problems
	visited  int

	cfg       *Config // as far as it is read
	derived   []derivedSensor
	templates map[string]*Template // by name; nil = cannot be used
	most      int                  // bytes of the file
	what      string               // the file is
	used      []string             // buses that sensors name
}

// value is one node of the file, with its path and place.
type value struct {
	p    *parser
	node *yaml.Node
	path string
	pos  Pos
	key  *Key // the key whose value this is, with its kind and bounds; nil for other nodes
}

// value wraps a node. For an alias, the place is where the alias is used.
func (p *parser) value(n *yaml.Node, path string) value {
	v := value{p: p, node: n, path: path, pos: Pos{max(n.Line, 1), max(n.Column, 1)}}
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		v.node = n.Alias
	}
	return v
}

// visit counts a value and tells whether the walk may go on.
func (p *parser) visit(v value) bool {
	p.visited++
	if p.visited == maxValues+1 {
		p.problems = nil // of an expanded file they are the same fault again and again
		v.fail("write fewer, or split the machines over two gateways", "the file expands to more than %d values", maxValues)
	}
	return p.visited <= maxValues
}

// good tells whether no error was reported after the first n problems.
func (p *parser) good(n int) bool {
	return len(p.problems) <= n || p.problems[n:].Err() == nil
}

// fail reports an error. It returns false, for callers that return whether a value
// can be used.
func (v value) fail(hint, format string, args ...any) bool {
	v.report(SeverityError, hint, format, args...)
	return false
}

func (v value) warn(hint, format string, args ...any) {
	v.report(SeverityWarning, hint, format, args...)
}

func (v value) report(s Severity, hint, format string, args ...any) {
	if v.p.visited > maxValues && len(v.p.problems) > 0 {
		return
	}
	v.p.problems = append(v.p.problems, Problem{
		File: v.p.file, Line: v.pos.Line, Column: v.pos.Column, Path: v.path,
		Message: fmt.Sprintf(format, args...), Hint: hint, Severity: s,
	})
}

// kind describes the node for messages.
func (v value) kind() string {
	switch v.node.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		switch v.node.ShortTag() {
		case "!!null":
			return "nothing"
		case "!!int", "!!float":
			return "the number " + quoteShort(v.node.Value)
		case "!!bool":
			return "the truth value " + quoteShort(v.node.Value)
		}
		return fmt.Sprintf("the text %q", quoteShort(v.node.Value))
	}
	return "something unreadable"
}

// quoteShort shortens a value for messages.
func quoteShort(s string) string {
	s = HideSecrets(s)
	if len(s) <= 40 {
		return s
	}
	return s[:40] + "…"
}

// want reports that the value is not of kind k. Most often the key has no value at
// all.
func (v value) want(k Kind) bool {
	t := k.text()
	if v.kind() == "nothing" {
		return v.fail("give it one or leave the key out", "has no value, want %s", t.want)
	}
	return v.fail(t.hint, "want %s, got %s", t.want, v.kind())
}

// missing reports a required key.
func (v value) missing(name, why string) bool {
	return v.fail("add "+name+":", "key %q is missing%s", name, why)
}

// list reads each element of a sequence.
func (v value) list(read func(i int, e value)) bool {
	if v.node.Kind != yaml.SequenceNode {
		return v.want(List)
	}
	for i, n := range v.node.Content {
		e := v.p.value(n, fmt.Sprintf("%s[%d]", v.path, i))
		if !v.p.visit(e) {
			return false
		}
		read(i, e)
	}
	return true
}

// entry is one key with its value; at is placed at the key itself.
type entry struct {
	name  string
	at    value
	value value
}

// mapping returns the entries of a mapping in file order, then those that `<<`
// merges into it. Keys that are not text and duplicates are reported and left out.
func (v value) mapping() ([]entry, bool) {
	if v.node.Kind != yaml.MappingNode {
		return nil, v.want(kindMapping)
	}
	var entries []entry
	seen := map[string]int{}
	var merges []value
	for i := 0; i+1 < len(v.node.Content); i += 2 {
		e := v.entry(v.node.Content[i], v.node.Content[i+1])
		if !v.p.visit(e.value) {
			return nil, false
		}
		switch {
		case e.at.node.Kind != yaml.ScalarNode:
			e.at.fail("write key: value", "a key must be text")
		case e.at.node.ShortTag() == "!!merge":
			merges = append(merges, e.value)
		case seen[e.name] > 0:
			e.at.fail("remove one of them", "key %q appears twice, first in line %d", quoteShort(e.name), seen[e.name])
		default:
			seen[e.name] = e.at.pos.Line
			entries = append(entries, e)
		}
	}
	for _, m := range merges {
		entries = v.merge(entries, seen, m)
	}
	return entries, true
}

func (v value) entry(k, n *yaml.Node) entry {
	kv := v.p.value(k, v.path)
	name := kv.node.Value
	path := quoteShort(name)
	if v.path != "" {
		path = v.path + "." + path
	}
	kv.path = path
	return entry{name: name, at: kv, value: v.p.value(n, path)}
}

// merge adds the entries of m that v does not have itself. Merges do not nest: one
// level is enough for repeated sensors, and more is hard to read.
func (v value) merge(entries []entry, seen map[string]int, m value) []entry {
	if m.node.Kind != yaml.MappingNode {
		m.fail("write << once", "<< merges one mapping only")
		return entries
	}
	for i := 0; i+1 < len(m.node.Content); i += 2 {
		e := v.entry(m.node.Content[i], m.node.Content[i+1])
		if !v.p.visit(e.value) {
			return entries
		}
		if e.at.node.Kind != yaml.ScalarNode || e.at.node.ShortTag() == "!!merge" {
			e.at.fail("write its keys out", "a merged mapping cannot merge another")
			continue
		}
		if seen[e.name] == 0 {
			seen[e.name] = e.at.pos.Line
			entries = append(entries, e)
		}
	}
	return entries
}
