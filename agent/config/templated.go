package config

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"go.yaml.in/yaml/v3"
)

// This file completes sensors by their templates.

// builtIn is a template of the binary.
func (p *parser) builtIn(name string) (text string, found bool) {
	for _, d := range p.drivers {
		if text, found = d.Templates[name]; found {
			return text, true
		}
	}
	return "", false
}

// templateFolder holds that no file in the folder has the name of a template of the
// binary: which of both a sensor means must not depend on the reader's guess.
func (p *parser) templateFolder(v value) {
	dir, ok := v.file()
	if !ok {
		return
	}
	p.cfg.Templates = dir
	files, _ := os.ReadDir(dir) // where a sensor needs it, its absence is reported there
	for _, f := range files {
		name, isTemplate := cutTemplate(f.Name())
		if _, shadows := p.builtIn(name); isTemplate && shadows {
			v.fail("give it another name", "%s has the name of a template of this program", filepath.Join(dir, f.Name()))
		}
	}
}

// templateEnding is how the file of a template ends.
const templateEnding = ".yaml"

func cutTemplate(file string) (name string, ok bool) {
	n := len(file) - len(templateEnding)
	if n < 1 || file[n:] != templateEnding {
		return "", false
	}
	return file[:n], true
}

// template finds the template that a sensor names. It is nil where there is none,
// which has then been reported.
func (p *parser) template(v value) *Template {
	name, ok := v.label()
	if !ok {
		return nil
	}
	if t, known := p.templates[name]; known {
		if t == nil {
			v.fail("see the problems of its file", "template %q cannot be used", name)
		}
		return t
	}
	text, found := p.builtIn(name)
	file := "template " + name
	if !found {
		file = filepath.Join(p.cfg.Templates, name+templateEnding)
		data, err := p.readTemplate(v, name, file)
		if err != nil {
			return nil
		}
		text = string(data)
	}
	t, problems := ParseTemplate(name, file, []byte(text), p.drivers)
	p.problems = append(p.problems, problems...)
	if p.templates == nil {
		p.templates = map[string]*Template{}
	}
	p.templates[name] = t
	return t
}

// readTemplate reads a template of the configuration's own folder.
func (p *parser) readTemplate(v value, name, file string) ([]byte, error) {
	if p.cfg.Templates == "" {
		v.unknownTemplate(name, "iot-edge-anomaly templates lists them; one of your own needs templates: FOLDER")
		return nil, os.ErrNotExist
	}
	data, err := readPlainFile(file, maxTemplate)
	switch {
	case os.IsNotExist(err):
		v.unknownTemplate(name, fmt.Sprintf("%s is not there either", file))
	case err != nil:
		v.fail("a template is a plain file that the program may read, of at most 256 KiB", "template %q: %v", name, err)
	}
	return data, err
}

func (v value) unknownTemplate(name, hint string) {
	var names []string
	for _, d := range v.p.drivers {
		for n := range d.Templates {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	if best := Nearest(name, names); best != "" {
		hint = `did you mean "` + best + `"?`
	}
	v.fail(hint, "unknown template %q", name)
}

// readPlainFile reads a file that is no link and no device, up to most bytes.
func readPlainFile(file string, most int64) ([]byte, error) {
	f, err := os.OpenFile(file, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0) // a pipe without a writer would block
	if err != nil {
		if errIs, is := err.(*os.PathError); is && errIs.Err == syscall.ELOOP {
			return nil, fmt.Errorf("%s is a link", file)
		}
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", file)
	}
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s is larger than %d KiB", file, most>>10)
	}
	return data, err
}

// complete adds to the entries of a sensor those of the template that it names. It
// is false where the template cannot be used.
func (s *sensorReader) complete(v value, entries []entry) ([]entry, bool) {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.name == "template" })
	if i < 0 {
		return entries, true
	}
	at := entries[i].value
	if s.template = s.p.template(at); s.template == nil {
		return entries, false
	}
	c := copier{pos: at.pos, left: maxValues}
	for _, t := range s.template.entries {
		n := c.copy(t.value.node)
		j := slices.IndexFunc(entries, func(e entry) bool { return e.name == t.name })
		switch {
		case t.name == "registers":
			var own *yaml.Node
			if j >= 0 {
				own = entries[j].value.node
			}
			n = c.registers(n, own, s.selected(entries, n))
			if j >= 0 {
				entries[j].value.node = n
				continue
			}
		case j >= 0:
			continue // the sensor's own key stands
		}
		e := value{p: s.p, node: n, path: join(v.path, t.name), pos: at.pos}
		entries = append(entries, entry{name: t.name, at: e, value: e})
	}
	if c.left <= 0 {
		return entries, at.fail("write fewer", "the template expands to more than %d values", maxValues)
	}
	return entries, true
}

// selected gives the names of the template's registers that the sensor reads, in
// the order of its key channels; nil = all.
func (s *sensorReader) selected(entries []entry, registers *yaml.Node) []string {
	i := slices.IndexFunc(entries, func(e entry) bool { return e.name == "channels" })
	if i < 0 || entries[i].value.node.Kind != yaml.SequenceNode {
		return nil
	}
	var all, out []string
	for _, r := range registers.Content {
		all = append(all, nameOf(r))
	}
	for _, n := range entries[i].value.node.Content {
		if v := s.p.value(n, entries[i].value.path); v.node.Kind == yaml.ScalarNode && !slices.Contains(all, v.node.Value) {
			v.fail(didYouMean(v.node.Value, all), "template %q has no register %q", s.template.Name, quoteShort(v.node.Value))
		} else {
			out = append(out, v.node.Value)
		}
	}
	return out
}

// templateAt moves the registers of a movable template to where the device has
// them: from there on, addresses count from the register that the sensor names.
func (s *sensorReader) templateAt(v value) {
	text := v.node.Value
	if v.node.ShortTag() != "!!int" {
		var ok bool
		if text, ok = v.text(); !ok {
			return
		}
	}
	a, err := ParseAddress(text, s.AddressBase)
	switch {
	case !v.addressFault(err):
	case s.template == nil || !s.template.Movable:
		v.fail("leave it out", "the addresses of the template are fixed")
	case a.Bit >= 0 || slices.ContainsFunc(s.template.Sensor.Registers, func(r Register) bool { return r.Table != a.Table }):
		v.fail("name its first register", "%s is not where the template's registers can be", quoteShort(text))
	default:
		s.AddressBase -= a.At
	}
}

// checkTemplate holds that keys which mean something beside a template only have
// one, and the other way round.
func (s *sensorReader) checkTemplate(v value, g given) {
	_, moved := g["template_at"]
	switch at, selects := g["channels"]; {
	case s.template == nil && selects && s.info.Bus == busModbus:
		at.fail("write registers", "without a template, a sensor of driver %q has no such key", s.Driver)
	case s.template != nil && s.template.Movable && !moved:
		v.fail("scan modbus URL --unit N shows it", "key %q is missing, template %q needs it", "template_at", s.template.Name)
	}
}

// copier copies what a template holds to the place in the configuration where the
// template is named, so that a problem which only both of them together have is
// reported there. A template that has no problem of its own was read before.
type copier struct {
	pos  Pos
	left int // nodes that may still be copied: aliases multiply
}

func (c *copier) copy(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode && n.Alias != nil {
		n = n.Alias
	}
	out := &yaml.Node{Kind: n.Kind, Tag: n.Tag, Value: n.Value, Style: n.Style, Line: c.pos.Line, Column: c.pos.Column}
	for _, child := range n.Content {
		if c.left--; c.left < 0 {
			break
		}
		out.Content = append(out.Content, c.copy(child))
	}
	return out
}

// registers joins the registers of a template with those that stand at the sensor:
// the keys of a register with the same name replace the template's, others are
// added. selected are the names of the template's that are read; nil = all.
func (c *copier) registers(template, own *yaml.Node, selected []string) *yaml.Node {
	out := &yaml.Node{Kind: yaml.SequenceNode, Line: c.pos.Line, Column: c.pos.Column}
	byName := map[string]*yaml.Node{}
	for _, r := range template.Content {
		byName[nameOf(r)] = r
		if selected == nil {
			out.Content = append(out.Content, r)
		}
	}
	for _, name := range selected {
		out.Content = append(out.Content, byName[name])
	}
	if own == nil {
		return out
	}
	if own.Kind != yaml.SequenceNode {
		return own // reported when it is read
	}
	for _, o := range own.Content {
		if o.Kind == yaml.AliasNode && o.Alias != nil {
			o = o.Alias
		}
		name := nameOf(o)
		i := slices.IndexFunc(out.Content, func(r *yaml.Node) bool { return r != nil && name != "" && nameOf(r) == name })
		if i < 0 {
			out.Content = append(out.Content, o)
		} else {
			out.Content[i] = overlay(o, out.Content[i])
		}
	}
	return out
}

// overlay is mapping own with the entries of under that it does not have.
func overlay(own, under *yaml.Node) *yaml.Node {
	out := *own
	out.Content = slices.Clone(own.Content)
	for i := 0; i+1 < len(under.Content); i += 2 {
		key := under.Content[i]
		has := false
		for j := 0; j < len(own.Content); j += 2 {
			has = has || own.Content[j].Value == key.Value
		}
		if !has {
			out.Content = append(out.Content, key, under.Content[i+1])
		}
	}
	return &out
}

// nameOf is the value of the key name in a mapping; empty where there is none.
func nameOf(n *yaml.Node) string {
	if n.Kind != yaml.MappingNode {
		return ""
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == "name" && n.Content[i+1].Kind == yaml.ScalarNode {
			return n.Content[i+1].Value
		}
	}
	return ""
}
