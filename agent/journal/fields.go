package journal

import (
	"bytes"
	"encoding/binary"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// An entry is a datagram, and a kernel sends one of 160 KiB at the least.
const (
	valueMost = 32 << 10 // bytes of a value; what is longer is cut, and ends with …
	entryMost = 96 << 10 // bytes of an entry; fields that come later are left out
	nameMost  = 64       // bytes of a name, a limit of journald
)

// fields are the fields of an entry, as journald takes them.
type fields struct {
	b   []byte
	cut bool // something was cut or left out
}

// add adds a field. A name of ours must be valid.
func (f *fields) add(name, value string) {
	if len(value) > valueMost {
		n := valueMost - len("…")
		for n > 0 && !utf8.RuneStart(value[n]) {
			n--
		}
		value, f.cut = value[:n]+"…", true
	}
	if len(f.b)+len(name)+len(value)+10 > entryMost {
		f.cut = true
		return
	}
	f.b = append(f.b, name...)
	if strings.IndexByte(value, '\n') < 0 {
		f.b = append(f.b, '=')
	} else { // the length instead, in little-endian
		f.b = append(f.b, '\n')
		f.b = binary.LittleEndian.AppendUint64(f.b, uint64(len(value)))
	}
	f.b = append(f.b, value...)
	f.b = append(f.b, '\n')
}

// attr adds an attribute; those of a group have its name in front.
func (f *fields) attr(prefix string, a slog.Attr) {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		if a.Key != "" {
			prefix += a.Key + "_"
		}
		for _, g := range v.Group() {
			f.attr(prefix, g)
		}
	case slog.KindTime:
		f.add(fieldName(prefix+a.Key), v.Time().Format(time.RFC3339Nano))
	default:
		if a.Key != "" {
			f.add(fieldName(prefix+a.Key), v.String())
		}
	}
}

// ours are the fields of every entry; an attribute with such a name gets another.
var ours = []string{"MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "SYSLOG_FACILITY", "MESSAGE_ID"}

// fieldName is a key as journald takes it: upper case, digits and underscores, the first a
// letter. Other names it would leave out without a word.
func fieldName(key string) string {
	b := bytes.ToUpper([]byte(key))
	for i, c := range b {
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			b[i] = '_'
		}
	}
	if len(b) == 0 || b[0] < 'A' || b[0] > 'Z' {
		b = append([]byte("X_"), b...)
	}
	b = b[:min(len(b), nameMost)]
	for _, name := range ours {
		if string(b) == name {
			return "X_" + name
		}
	}
	return string(b)
}
