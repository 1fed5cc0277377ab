package homeassistant

const hex = "0123456789abcdef"

// id joins names to an identifier of A-Z a-z 0-9 _ -, which is all that discovery
// topics may have. Different lists of names have different identifiers: `_` only
// begins an escape: `_x` stands between names, `__` is `_`, `_-` is a point, and two
// hexadecimal digits after it are any other byte.
func id(names ...string) string {
	var b []byte
	for i, name := range names {
		if i > 0 {
			b = append(b, "_x"...)
		}
		for _, c := range []byte(name) {
			switch {
			case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-':
				b = append(b, c)
			case c == '_':
				b = append(b, "__"...)
			case c == '.':
				b = append(b, "_-"...)
			default:
				b = append(b, '_', hex[c>>4], hex[c&15])
			}
		}
	}
	return string(b)
}
