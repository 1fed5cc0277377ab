package config

import (
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// section is one mapping of the file: the rows of its keys, and what reads them
// into a T.
type section[T any] struct {
	path string // of the mapping, "machines[].detect"; empty = the whole file
	help string // one sentence for the page
	also []string

	// rows are read in this order and not in that of the file, so a key that
	// refers to another one stands after it.
	rows    []row[T]
	secrets []string          // keys that must not stand in a configuration
	others  map[string]string // hints for keys of other programs, and for keys that stand elsewhere

	// kind names the kind of bus or address that decides which keys there are. Nil
	// where every key is always there.
	kind func(t *T) string
	// foreign takes an entry that is in no row of this kind, and tells whether it
	// has dealt with it. known tells that another kind has the key, names are the
	// keys of this kind. May be nil.
	foreign func(e entry, t *T, known bool, names []string) bool
	// check tells what is wrong with the keys together. May be nil.
	check func(v value, t *T, g given)
}

// row is a key and where its value goes: into a field, or through the key's own
// parser. Where there is neither, the section's check reads it, because it needs
// to know the other keys.
type row[T any] struct {
	Key
	into func(t *T) any      // a pointer to the field
	read func(v value, t *T) // parser
	fill func(t *T)          // sets the defaults of a mapping below

	severity Severity // of NotYet, where the value is not the default
}

// given are the keys that the file has, by name.
type given map[string]value

// below is the row of a mapping that has a section of its own.
func below[T, U any](k Key, s *section[U], at func(t *T) *U) row[T] {
	k.Kind = kindMapping
	return row[T]{Key: k, read: func(v value, t *T) { s.read(v, at(t)) }, fill: func(t *T) { s.fill(at(t)) }}
}

// shared are rows of a U for a T that contains one.
func shared[T, U any](rows []row[U], at func(t *T) *U) []row[T] {
	var out []row[T]
	for _, r := range rows {
		o := row[T]{Key: r.Key, severity: r.severity}
		if r.into != nil {
			o.into = func(t *T) any { return r.into(at(t)) }
		}
		if r.read != nil {
			o.read = func(v value, t *T) { r.read(v, at(t)) }
		}
		out = append(out, o)
	}
	return out
}

// fill sets every default.
func (s *section[T]) fill(t *T) {
	for i := range s.rows {
		if s.kind == nil || s.rows[i].has(s.kind(t)) {
			s.rows[i].setDefault(t)
		}
	}
}

// read reads a mapping into t. It is false where the value is no mapping.
func (s *section[T]) read(v value, t *T) bool {
	entries, ok := v.mapping()
	if !ok {
		s.fill(t)
		return false
	}
	s.entries(v, entries, t)
	return true
}

// entries reads the entries of a mapping into t and fills in what they leave out.
func (s *section[T]) entries(v value, entries []entry, t *T) {
	g, done := given{}, make([]bool, len(entries))
	for i := range s.rows {
		r := &s.rows[i]
		if s.kind != nil && !r.has(s.kind(t)) {
			continue
		}
		r.setDefault(t)
		j := slices.IndexFunc(entries, func(e entry) bool { return e.name == r.Name })
		switch {
		case j >= 0:
			done[j] = true
			e := entries[j].value
			e.key = &r.Key
			g[r.Name] = e
			r.value(e, t)
		case r.Need && (len(r.For) == 0 || s.kind(t) != ""): // of an unknown kind nothing is known to be required
			v.missing(r.Name, "")
		}
	}
	for j, e := range entries {
		if !done[j] {
			s.rest(e, t)
		}
	}
	if s.check != nil {
		s.check(v, t, g)
	}
}

// value reads the value of the row's key.
func (r *row[T]) value(v value, t *T) {
	if r.read != nil {
		r.read(v, t)
		return
	}
	if r.into == nil {
		return // the section's check reads it
	}
	x, ok := v.read()
	if !ok {
		return
	}
	assign(r.into(t), x)
	if r.NotYet != "" && !reflect.DeepEqual(x, r.fixed()) {
		hint := "remove it"
		if r.severity == SeverityWarning {
			hint += ": it has no effect"
		}
		v.report(r.severity, hint, "%s", r.NotYet)
	}
}

// setDefault puts the default of the row's key into t.
func (r *row[T]) setDefault(t *T) {
	if r.fill != nil {
		r.fill(t)
	}
	if r.Default == "" {
		return
	}
	v := r.plain(r.Default)
	if r.read != nil {
		r.read(v, t)
	} else if x, ok := v.read(); ok {
		assign(r.into(t), x)
	}
}

// rest deals with an entry that is in no row of this kind.
func (s *section[T]) rest(e entry, t *T) {
	kind, known := "", false
	if s.kind != nil {
		kind = s.kind(t)
	}
	var names []string
	for i := range s.rows {
		if r := &s.rows[i]; r.has(kind) {
			names = append(names, r.Name)
		} else if r.Name == e.name {
			known = true
		}
	}
	switch {
	case slices.Contains(s.secrets, e.name):
		e.value.fail("put it into a file and write "+e.name+"_file:", "a secret must not be in the configuration")
	case s.foreign != nil && s.foreign(e, t, known, names):
	default:
		e.unknown(s.others, names)
	}
}

// unknown reports a key that nobody knows.
func (e entry) unknown(others map[string]string, names []string) {
	hint := others[e.name]
	if _, err := strconv.Atoi(e.name); err == nil && e.value.node.ShortTag() == "!!null" {
		hint = "is it behind a decimal comma? Write a decimal point"
	}
	if hint == "" {
		hint = didYouMean(e.name, names)
	}
	e.at.fail(hint, "unknown key %q", quoteShort(e.name))
}

// plain is a value that is written in the table, as if it stood in a file.
func (k *Key) plain(text string) value {
	n := &yaml.Node{Kind: yaml.ScalarNode, Value: text}
	if inside, err := strconv.Unquote(text); err == nil && text[0] == '"' {
		n = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: inside}
	} else if text[0] == '[' || text[0] == '{' {
		var doc yaml.Node
		if yaml.Unmarshal([]byte(text), &doc) == nil && len(doc.Content) == 1 {
			n = doc.Content[0]
		}
	}
	v := (&parser{cfg: &Config{}}).value(n, k.Name)
	v.key = k
	return v
}

// fixed is the value of the default, nil where there is none.
func (k *Key) fixed() any {
	if k.Default == "" {
		return nil
	}
	x, _ := k.plain(k.Default).read()
	return x
}

// assign stores a value of a kind in a field: of its type, of another size, or a
// pointer to one.
func assign(field, x any) {
	dst, src := reflect.ValueOf(field).Elem(), reflect.ValueOf(x)
	if dst.Kind() == reflect.Pointer {
		dst.Set(reflect.New(dst.Type().Elem()))
		dst = dst.Elem()
	}
	dst.Set(src.Convert(dst.Type()))
}
