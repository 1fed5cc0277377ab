package mqttsub

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// reason says why a message gives no value.
type reason struct {
	text string // completes "temp is …"
	bad  bool   // it holds an impossible value
}

// document reads a payload: JSON, or else a bare text such as 21.5 or ON. Only JSON
// has more than one value.
func document(payload []byte) (doc any, isJSON bool) {
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&doc); err == nil {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			return doc, true
		}
	}
	return string(payload), false
}

// words are texts that stand for a number.
var words = map[string]float64{"true": 1, "false": 0, "on": 1, "off": 0}

// number is the number that a value stands for. It is NaN where there is none, with
// the reason.
func number(x any) (float64, *reason) {
	switch x := x.(type) {
	case nil:
		return math.NaN(), &reason{text: "null"}
	case bool:
		if x {
			return 1, nil
		}
		return 0, nil
	case json.Number:
		return parse(string(x))
	case string:
		return parse(x)
	case map[string]any:
		return math.NaN(), &reason{text: "an object; name a value in it with path, " + outline(x) + ","}
	}
	return math.NaN(), &reason{text: "a list; name a value in it with path,"}
}

// parse reads a decimal number or one of the words, with blanks around it.
func parse(s string) (float64, *reason) {
	s = strings.TrimSpace(s)
	lower := ""
	if len(s) <= len("-infinity") {
		lower = strings.ToLower(s)
	}
	if v, is := words[lower]; is && lower != "" {
		return v, nil
	}
	switch strings.TrimLeft(lower, "+-") {
	case "nan", "null":
		return math.NaN(), &reason{text: s}
	case "inf", "infinity":
		return math.NaN(), &reason{text: s, bad: true}
	}
	if s == "" {
		return math.NaN(), &reason{text: "empty"}
	}
	v, err := strconv.ParseFloat(s, 64)
	switch decimal := strings.Trim(s, "0123456789+-.eE") == ""; {
	case decimal && errors.Is(err, strconv.ErrRange):
		return math.NaN(), &reason{text: short(s) + ", too large for a number", bad: true}
	case err != nil || !decimal:
		return math.NaN(), &reason{text: strconv.Quote(short(s)) + ", no number"}
	}
	return v, nil
}

// short keeps what others have sent from filling or breaking up a message.
func short(s string) string {
	const most = 40
	if len(s) > most {
		n := most
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "…"
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return '?'
		}
		return r
	}, s)
}
