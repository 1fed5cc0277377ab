package report

// Reduce makes a payload of this package smaller, for a broker that does not take it
// in full: without its causes and missing channels, then without the detail too, and
// with `"truncated":true` instead. step is 1 for the first form that is smaller than b,
// 2 for the next. It returns nil if there is no such form, or if b is no payload of
// this package. It does not change b.
func Reduce(b []byte, step int) []byte {
	fields, size := topFields(b), len(b)
	for _, detail := range []bool{true, false} {
		form := reduced(b, fields, detail)
		if len(form) >= size {
			continue
		}
		size = len(form)
		if step--; step == 0 {
			return form
		}
	}
	return nil
}

// reduced writes the fields without causes and missing channels, and without the
// detail unless it is wanted.
func reduced(b []byte, fields []field, detail bool) []byte {
	out := make([]byte, 0, len(b))
	for _, f := range fields {
		if f.name == "detail" && !detail {
			continue
		}
		out = append(append(append(out, `,"`...), f.name...), `":`...)
		if f.name == "causes" || f.name == "missing" {
			out = append(out, "[]"...)
		} else {
			out = append(out, b[f.from:f.to]...)
		}
	}
	if len(fields) == 0 {
		return b
	}
	out[0] = '{'
	return append(out, `,"truncated":true}`...)
}

// field is a field of a JSON object; its value is [from, to).
type field struct {
	name     string
	from, to int
}

// topFields returns the fields of a compact JSON object, without those of objects in
// it. It returns what it found before a mistake.
func topFields(b []byte) (out []field) {
	for at := 1; at < len(b) && b[at] == '"'; {
		end := skipString(b, at)
		if end+1 >= len(b) || b[end] != ':' {
			return out
		}
		f := field{name: string(b[at+1 : end-1]), from: end + 1}
		f.to = skipValue(b, f.from)
		if f.to >= len(b) {
			return out
		}
		out = append(out, f)
		at = f.to + 1
	}
	return out
}

// skipString returns the place behind the string that begins at b[at].
func skipString(b []byte, at int) int {
	for at++; at < len(b); at++ {
		switch b[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(b)
}

// skipValue returns the place of the comma or bracket behind the value at b[at].
func skipValue(b []byte, at int) int {
	for depth := 0; at < len(b); {
		switch b[at] {
		case '"':
			at = skipString(b, at)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return at
			}
			depth--
		case ',':
			if depth == 0 {
				return at
			}
		}
		at++
	}
	return len(b)
}
