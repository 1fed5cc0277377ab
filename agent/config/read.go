package config

import (
	"cmp"
	"math"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// read reads the value as the row of its key says, and holds it against the row.
// What it gives has the Go type of the kind.
func (v value) read() (any, bool) {
	x, ok := v.readKind()
	if !ok || v.key.Check == nil || v.key.Kind == List {
		return x, ok // each element of a list has been checked
	}
	return x, v.tell(v.key.Check(x), nil)
}

func (v value) readKind() (any, bool) {
	switch v.key.Kind {
	case Text:
		return boxed(v.someText())
	case Name:
		return boxed(v.label())
	case Choice:
		return boxed(v.choice())
	case File:
		return boxed(v.file())
	case BrokerURL:
		return boxed(v.broker())
	case Boolean:
		return boxed(v.boolean())
	case Integer:
		return boxed(v.integer())
	case Number:
		return boxed(v.number())
	case Duration:
		return boxed(v.duration())
	case Size:
		return boxed(v.size())
	case Interval:
		return boxed(v.interval())
	case Bytes:
		return boxed(v.bytes())
	case Bits:
		return boxed(v.bits())
	case Patterns:
		return boxed(v.patterns())
	case List:
		if goTypes[v.key.Of] != nil {
			return v.elements()
		}
	}
	return nil, false // the key's own parser reads it
}

func boxed[T any](x T, ok bool) (any, bool) { return x, ok }

// goTypes are the types of what readKind gives, for the elements of a List.
var goTypes = map[Kind]reflect.Type{
	Text: reflect.TypeFor[string](), Name: reflect.TypeFor[string](), Choice: reflect.TypeFor[string](), File: reflect.TypeFor[string](),
	Integer: reflect.TypeFor[int](), Number: reflect.TypeFor[float64](), Duration: reflect.TypeFor[time.Duration](), Interval: reflect.TypeFor[Range](),
}

// inside holds x against the bounds of its row, which parse reads.
func inside[T cmp.Ordered](v value, x T, parse func(string) (T, bool)) bool {
	k := v.key
	is := func(test func(order int) bool, bound string) bool {
		b, ok := parse(bound)
		return ok && test(cmp.Compare(x, b))
	}
	equal := func(order int) bool { return order == 0 }
	switch {
	case is(equal, k.Or):
		return true
	case len(k.Choices) > 0 && !slices.ContainsFunc(k.Choices, func(c string) bool { return is(equal, c) }),
		is(func(order int) bool { return order < 0 }, k.Min), is(func(order int) bool { return order > 0 }, k.Max),
		is(func(order int) bool { return order <= 0 }, k.Above):
		return v.fail("use "+k.hint(), "%s is out of range", quoteShort(v.node.Value))
	}
	return true
}

// scalar tells whether the value is a scalar of one of the tags, and reports it
// where it is not.
func (v value) scalar(k Kind, tags ...string) bool {
	return v.node.Kind == yaml.ScalarNode && slices.Contains(tags, v.node.ShortTag()) || v.want(k)
}

// text reads a string. Numbers and truth values are refused: YAML has already
// decided what they mean (0x76 is 118), so the reader must quote.
func (v value) text() (string, bool) {
	if v.node.Kind == yaml.ScalarNode {
		switch v.node.ShortTag() {
		case "!!int", "!!float", "!!bool", "!!timestamp":
			return "", v.fail(`write "`+quoteShort(v.node.Value)+`" in quotes`, "want text, got %s", v.kind())
		}
	}
	if !v.scalar(Text, "!!str") {
		return "", false
	}
	for _, r := range v.node.Value {
		if r < ' ' || r == 0x7f {
			return "", v.fail("remove it", "the text has a control character")
		}
	}
	return v.node.Value, true
}

// someText is a text that is not empty, unless the row says what that means, and
// not longer than the row allows.
func (v value) someText() (string, bool) {
	s, ok := v.text()
	switch {
	case !ok:
	case v.key.Empty == "" && strings.TrimSpace(s) == "":
		return "", v.fail("give it a value or leave the key out", "is empty")
	case v.key.Max != "":
		if most, _ := strconv.Atoi(v.key.Max); len(s) > most {
			return "", v.fail("shorten it", "%q is longer than %d bytes", quoteShort(s), most)
		}
	}
	return s, ok
}

// label is a name that becomes part of topics, metric labels and file names
// without any escaping.
var label = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (v value) label() (string, bool) {
	s, ok := v.text()
	return s, ok && v.checkLabel(s)
}

func (v value) checkLabel(name string) bool {
	return label.MatchString(name) || v.fail("use 1 to 64 of A-Z a-z 0-9 _ -", "%q is not a valid name", quoteShort(name))
}

// file is a path; a relative one starts in the folder of the configuration file.
func (v value) file() (string, bool) {
	s, ok := v.someText()
	if !ok || s == "" {
		return "", ok
	}
	if strings.Contains(s, beginsPEM) {
		return "", v.fail("put it into a file of its own and name that file", "is a key, not the path of a file")
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(filepath.Dir(v.p.file), s)
	}
	return filepath.Clean(s), true
}

func (v value) boolean() (bool, bool) {
	if !v.scalar(Boolean, "!!bool") {
		return false, false
	}
	return strings.EqualFold(v.node.Value, "true"), true
}

// choice reads one of the row's choices, which may be numbers.
func (v value) choice() (string, bool) {
	k, s := v.key, v.node.Value
	if tag := v.node.ShortTag(); !(v.node.Kind == yaml.ScalarNode && tag == "!!int" && k.Choices[0][0] <= '9') {
		var ok bool
		if s, ok = v.text(); !ok {
			return "", false
		}
	}
	if slices.Contains(k.Choices, s) {
		return s, true
	}
	hint := didYouMean(s, k.Choices)
	if ours := k.Aliases[strings.ToLower(s)]; ours != "" {
		hint = `did you mean "` + ours + `"?`
	}
	return "", v.fail(hint, "unknown value %q", quoteShort(s))
}

// integer reads a whole number in decimal or 0x form. 0x76 in quotes is taken
// too. A leading zero is refused: half of the YAML world reads it as octal.
func (v value) integer() (int, bool) {
	if !v.scalar(Integer, "!!int", "!!str") {
		return 0, false
	}
	s := v.node.Value
	if digits := strings.TrimLeft(s, "+-"); len(digits) > 1 && digits[0] == '0' && digits[1] != 'x' && digits[1] != 'X' {
		return 0, v.fail("write it in decimal or with 0x", "the number %s has a leading zero", quoteShort(s))
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return 0, v.want(Integer)
	}
	return int(n), inside(v, n, parseInteger)
}

func parseInteger(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 0, 64)
	return n, err == nil
}

// number reads a finite number.
func (v value) number() (float64, bool) {
	if !v.scalar(Number, "!!int", "!!float") {
		return 0, false
	}
	f, ok := parseNumber(strings.ReplaceAll(v.node.Value, "_", ""))
	if !ok {
		return 0, v.fail("write it like 0.1", "want a finite decimal number, got %s", quoteShort(v.node.Value))
	}
	return f, inside(v, f, parseNumber)
}

func parseNumber(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// duration reads 300ms, 1.5s, 24h, 7d or 1d12h.
func (v value) duration() (time.Duration, bool) {
	if !v.scalar(Duration, "!!str", "!!int", "!!float") {
		return 0, false
	}
	s := v.node.Value
	if tag := v.node.ShortTag(); tag != "!!str" && s != "0" {
		return 0, v.fail("write "+quoteShort(s)+"s or "+quoteShort(s)+"ms", "the duration %s has no unit", quoteShort(s))
	}
	d, ok := parseDuration(s)
	if !ok {
		return 0, v.fail("use ms, s, m, h or d, such as 300ms or 24h", "%q is not a duration", quoteShort(s))
	}
	return d, inside(v, d, parseDuration)
}

// parseDuration is time.ParseDuration with days in front.
func parseDuration(s string) (time.Duration, bool) {
	var days time.Duration
	rest := s
	if head, tail, found := strings.Cut(s, "d"); found {
		f, err := strconv.ParseFloat(head, 64)
		if err != nil || !(f >= 0 && f <= 36_600) {
			return 0, false
		}
		days, rest = time.Duration(f*float64(24*time.Hour)), tail
		if rest == "" {
			return days, true
		}
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, false
	}
	return days + d, days+d >= 0
}

var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// size reads 64MiB.
func (v value) size() (int64, bool) {
	if !v.scalar(Size, "!!str", "!!int", "!!float") {
		return 0, false
	}
	s := v.node.Value
	if v.node.ShortTag() != "!!str" {
		return 0, v.fail("write "+quoteShort(s)+"MiB or "+quoteShort(s)+"B", "the size %s has no unit", quoteShort(s))
	}
	n, ok := parseSize(s)
	if !ok {
		return 0, v.fail("use B, KiB, MiB or GiB, such as 64MiB", "%q is not a size", quoteShort(s))
	}
	return n, inside(v, n, parseSize)
}

func parseSize(s string) (int64, bool) {
	for _, u := range sizeUnits {
		if head, found := strings.CutSuffix(s, u.suffix); found {
			f, err := strconv.ParseFloat(head, 64)
			return int64(f * u.bytes), err == nil && f >= 0 && f*u.bytes <= 1e15
		}
	}
	return 0, false
}

// interval reads [min, max].
func (v value) interval() (r Range, ok bool) {
	if v.node.Kind != yaml.SequenceNode || len(v.node.Content) != 2 {
		return r, v.fail("write it like [0, 60]", "want [min, max]")
	}
	ends, ok := [2]float64{}, true
	v.list(func(i int, e value) {
		e.key = &Key{Kind: Number}
		f, good := e.number()
		ends[i], ok = f, ok && good
	})
	if ok && ends[0] >= ends[1] {
		return r, v.fail("write the lower one first", "min %g is not below max %g", ends[0], ends[1])
	}
	return Range{ends[0], ends[1]}, ok
}

// bytes reads one byte or a list of bytes.
func (v value) bytes() (out []byte, ok bool) {
	return oneOrMore(v, func(e value) (byte, bool) {
		e.key = &Key{Kind: Integer, Min: "0", Max: "255"}
		n, ok := e.integer()
		return byte(n), ok
	})
}

// patterns reads one number of up to 64 bits, or a list of them.
func (v value) patterns() ([]uint64, bool) { return oneOrMore(v, value.bits) }

// oneOrMore reads one value or a list of them, in which there are at most as many
// as the row says.
func oneOrMore[T any](v value, read func(value) (T, bool)) (out []T, ok bool) {
	if v.node.Kind != yaml.SequenceNode {
		x, ok := read(v)
		return []T{x}, ok
	}
	if most, err := strconv.Atoi(v.key.Max); err == nil && len(v.node.Content) > most {
		return nil, v.fail("write fewer", "the list has %d elements, want at most %d", len(v.node.Content), most)
	}
	ok = true
	walked := v.list(func(_ int, e value) {
		x, good := read(e)
		out, ok = append(out, x), ok && good
	})
	return out, ok && walked
}

// bits reads a whole number of up to 64 bits in decimal or 0x form.
func (v value) bits() (uint64, bool) {
	if !v.scalar(Integer, "!!int") {
		return 0, false
	}
	n, err := strconv.ParseUint(v.node.Value, 0, 64)
	if err != nil {
		return 0, v.fail("write it in decimal or with 0x", "%s is not a whole number of up to 64 bits", quoteShort(v.node.Value))
	}
	return n, true
}

// elements reads a list whose elements are scalars or intervals, each of which
// may appear once.
func (v value) elements() (any, bool) {
	of := *v.key
	of.Kind, of.Empty = v.key.Of, ""
	out, seen, ok := reflect.MakeSlice(reflect.SliceOf(goTypes[of.Kind]), 0, 0), map[any]bool{}, true
	walked := v.list(func(_ int, e value) {
		e.key = &of
		x, good := e.read()
		if good && seen[x] {
			what := "the element"
			if e.node.Kind == yaml.ScalarNode {
				what = quoteShort(e.node.Value)
			}
			good = e.fail("remove one of them", "%s appears twice in the list", what)
		}
		if ok = ok && good; good {
			seen[x] = true
			out = reflect.Append(out, reflect.ValueOf(x))
		}
	})
	return out.Interface(), ok && walked && v.notEmpty()
}

// notEmpty reports a list without elements, unless the row says what that means.
func (v value) notEmpty() bool {
	return v.node.Kind != yaml.SequenceNode || len(v.node.Content) > 0 || v.key.Empty != "" ||
		v.fail("write it like "+v.key.Example, "the list is empty")
}
