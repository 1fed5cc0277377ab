package config

import (
	"reflect"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// section is one mapping of the file: the rows of its keys, and what reads them
// into what T points to. T is the pointer, because code for pointers is in the
// binary once and code for structs once a struct.
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
	kind func(t T) string
	// foreign takes an entry that is in no row of this kind, and tells whether it
	// has dealt with it. known tells that another kind has the key, names are the
	// keys of this kind. May be nil.
	foreign func(e entry, t T, known bool, names []string) bool
	// check tells what is wrong with the keys together. May be nil.
	check func(v value, t T, g given)
}

// row is a key and where its value goes: into a field, or through the key's own
// parser. Where there is neither, the section's check reads it, because it needs
// to know the other keys.
type row[T any] struct {
	Key
	into func(t T) any      // a pointer to the field
	read func(v value, t T) // parser
	fill func(t T)          // sets the defaults of a mapping below

	severity Severity // of NotYet, where the value is not the default
}

// given are the keys that the file has, by name.
type given map[string]value

// below is the row of a mapping that has a section of its own.
func below[T, U any](k Key, s *section[U], at func(t T) U) row[T] {
	k.Kind = kindMapping
	return row[T]{Key: k, read: func(v value, t T) { s.read(v, at(t)) }, fill: func(t T) { s.fill(at(t)) }}
}

// shared are rows of a U for a T that contains one.
func shared[T, U any](rows []row[U], at func(t T) U) []row[T] {
	var out []row[T]
	for _, r := range rows {
		o := row[T]{Key: r.Key, severity: r.severity}
		if r.into != nil {
			o.into = func(t T) any { return r.into(at(t)) }
		}
		if r.read != nil {
			o.read = func(v value, t T) { r.read(v, at(t)) }
		}
		out = append(out, o)
	}
	return out
}

// fill sets every default.
func (s *section[T]) fill(t T) { s.of(t).fill() }

// read reads a mapping into t. It is false where the value is no mapping.
func (s *section[T]) read(v value, t T) bool { return s.of(t).read(v) }

// entries reads the entries of a mapping into t and fills in what they leave out.
func (s *section[T]) entries(v value, entries []entry, t T) { s.of(t).entries(v, entries) }

// filling is a section with the value that it fills. It has no type parameter, so
// that the code which reads mappings is in the binary once and not once a section.
type filling struct {
	rows    []fillingRow
	secrets []string
	others  map[string]string

	// As those of the section; nil where the section has none.
	kind    func() string
	foreign func(e entry, known bool, names []string) bool
	check   func(v value, g given)
}

// fillingRow is a row with the value that it fills. The functions are nil where the
// row has none.
type fillingRow struct {
	*Key
	into     func() any
	read     func(v value)
	fill     func()
	severity Severity
}

// of is the section with the value that it fills.
func (s *section[T]) of(t T) *filling {
	f := &filling{secrets: s.secrets, others: s.others, rows: make([]fillingRow, len(s.rows))}
	for i := range s.rows {
		r, row := &s.rows[i], &f.rows[i]
		row.Key, row.severity = &r.Key, r.severity
		if r.into != nil {
			row.into = func() any { return r.into(t) }
		}
		if r.read != nil {
			row.read = func(v value) { r.read(v, t) }
		}
		if r.fill != nil {
			row.fill = func() { r.fill(t) }
		}
	}
	if s.kind != nil {
		f.kind = func() string { return s.kind(t) }
	}
	if s.foreign != nil {
		f.foreign = func(e entry, known bool, names []string) bool { return s.foreign(e, t, known, names) }
	}
	if s.check != nil {
		f.check = func(v value, g given) { s.check(v, t, g) }
	}
	return f
}

// fill sets every default.
func (f *filling) fill() {
	for i := range f.rows {
		if f.kind == nil || f.rows[i].has(f.kind()) {
			f.rows[i].setDefault()
		}
	}
}

// read reads a mapping. It is false where the value is no mapping.
func (f *filling) read(v value) bool {
	entries, ok := v.mapping()
	if !ok {
		f.fill()
		return false
	}
	f.entries(v, entries)
	return true
}

// entries reads the entries of a mapping and fills in what they leave out.
func (f *filling) entries(v value, entries []entry) {
	g, done := given{}, make([]bool, len(entries))
	for i := range f.rows {
		r := &f.rows[i]
		if f.kind != nil && !r.has(f.kind()) {
			continue
		}
		r.setDefault()
		j := slices.IndexFunc(entries, func(e entry) bool { return e.name == r.Name })
		switch {
		case j >= 0:
			done[j] = true
			e := entries[j].value
			e.key = r.Key
			g[r.Name] = e
			r.value(e)
		case r.Need && (len(r.For) == 0 || f.kind() != ""): // of an unknown kind nothing is known to be required
			v.missing(r.Name, "")
		}
	}
	for j, e := range entries {
		if !done[j] {
			f.rest(e)
		}
	}
	if f.check != nil {
		f.check(v, g)
	}
}

// value reads the value of the row's key.
func (r *fillingRow) value(v value) {
	if r.read != nil {
		r.read(v)
		return
	}
	if r.into == nil {
		return // the section's check reads it
	}
	x, ok := v.read()
	if !ok {
		return
	}
	assign(r.into(), x)
	if r.NotYet != "" && !reflect.DeepEqual(x, r.fixed()) {
		hint := "remove it"
		if r.severity == SeverityWarning {
			hint += ": it has no effect"
		}
		v.report(r.severity, hint, "%s", r.NotYet)
	}
}

// setDefault puts the default of the row's key into the value.
func (r *fillingRow) setDefault() {
	if r.fill != nil {
		r.fill()
	}
	if r.Default == "" {
		return
	}
	v := r.plain(r.Default)
	if r.read != nil {
		r.read(v)
	} else if x, ok := v.read(); ok {
		assign(r.into(), x)
	}
}

// rest deals with an entry that is in no row of this kind.
func (f *filling) rest(e entry) {
	kind, known := "", false
	if f.kind != nil {
		kind = f.kind()
	}
	var names []string
	for i := range f.rows {
		if r := &f.rows[i]; r.has(kind) {
			names = append(names, r.Name)
		} else if r.Name == e.name {
			known = true
		}
	}
	switch {
	case slices.Contains(f.secrets, e.name):
		e.value.fail("put it into a file and write "+e.name+"_file:", "a secret must not be in the configuration")
	case f.foreign != nil && f.foreign(e, known, names):
	default:
		e.unknown(f.others, names)
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
