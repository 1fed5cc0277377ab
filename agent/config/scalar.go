package config

import (
	"fmt"
	"math"
	"net/netip"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

func (v value) scalar(what string, tags ...string) bool {
	if v.node.Kind == yaml.ScalarNode {
		for _, t := range tags {
			if v.node.ShortTag() == t {
				return true
			}
		}
	}
	return v.want(what)
}

// text reads a string. Numbers and truth values are refused: YAML has already
// decided what they mean (0x76 is 118), so the reader must quote.
func (v value) text(dst *string) bool {
	if v.node.Kind == yaml.ScalarNode {
		switch v.node.ShortTag() {
		case "!!int", "!!float", "!!bool", "!!timestamp":
			return v.fail(`write "`+quoteShort(v.node.Value)+`" in quotes`, "want text, got %s", v.kind())
		}
	}
	if !v.scalar(aText, "!!str") {
		return false
	}
	for _, r := range v.node.Value {
		if r < ' ' || r == 0x7f {
			return v.fail("remove it", "the text has a control character")
		}
	}
	*dst = v.node.Value
	return true
}

// someText is text that is not empty.
func (v value) someText(dst *string) bool {
	if !v.text(dst) {
		return false
	}
	if strings.TrimSpace(*dst) == "" {
		return v.fail("give one or leave the key out", "is empty")
	}
	return true
}

// label is a name that becomes part of topics, metric labels and file names
// without any escaping.
var label = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

func (v value) label(dst *string) bool {
	if !v.text(dst) {
		return false
	}
	return v.checkLabel(*dst)
}

func (v value) checkLabel(name string) bool {
	if !label.MatchString(name) {
		return v.fail("use 1 to 64 of A-Z a-z 0-9 _ -", "%q is no usable name", quoteShort(name))
	}
	return true
}

// file is a path; a relative one is taken from the folder of the
// configuration file.
func (v value) file(dst *string) bool {
	var s string
	if !v.someText(&s) {
		return false
	}
	if !filepath.IsAbs(s) {
		s = filepath.Join(filepath.Dir(v.p.file), s)
	}
	*dst = filepath.Clean(s)
	return true
}

func (v value) boolean(dst *bool) bool {
	if !v.scalar(aBool, "!!bool") {
		return false
	}
	*dst = strings.EqualFold(v.node.Value, "true")
	return true
}

// enum reads one of options. aliases maps words of other programs to ours; it
// may be nil.
func (v value) enum(dst *string, what string, aliases map[string]string, options ...string) bool {
	var s string
	if !v.text(&s) {
		return false
	}
	for _, o := range options {
		if s == o {
			*dst = s
			return true
		}
	}
	hint := didYouMean(s, options)
	if ours := aliases[strings.ToLower(s)]; ours != "" {
		hint = `did you mean "` + ours + `"?`
	}
	return v.fail(hint, "unknown %s %q", what, quoteShort(s))
}

// integer reads a whole number in decimal or 0x form. 0x76 in quotes is taken
// too. A leading zero is refused: half of the YAML world reads it as octal.
func (v value) integer(dst *int, lo, hi int) bool {
	if !v.scalar(aWhole, "!!int", "!!str") {
		return false
	}
	s := v.node.Value
	digits := strings.TrimLeft(s, "+-")
	if len(digits) > 1 && digits[0] == '0' && digits[1] != 'x' && digits[1] != 'X' {
		return v.fail("write it in decimal or with 0x", "the number %s has a leading zero", quoteShort(s))
	}
	n, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return v.want(aWhole)
	}
	if n < int64(lo) || n > int64(hi) {
		return v.fail(fmt.Sprintf("use %d to %d", lo, hi), "%s is out of range", quoteShort(s))
	}
	*dst = int(n)
	return true
}

// number reads a finite number.
func (v value) number(dst *float64) bool {
	if !v.scalar(aNumber, "!!int", "!!float") {
		return false
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(v.node.Value, "_", ""), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return v.fail("write such as 0.1", "want a finite decimal number, got %s", quoteShort(v.node.Value))
	}
	*dst = f
	return true
}

// numberIn reads a number in lo to hi, both included.
func (v value) numberIn(dst *float64, lo, hi float64) bool {
	var f float64
	if !v.number(&f) {
		return false
	}
	if f < lo || f > hi {
		return v.fail(fmt.Sprintf("use %g to %g", lo, hi), "%s is out of range", v.node.Value)
	}
	*dst = f
	return true
}

// duration reads 300ms, 1.5s, 24h, 7d or 1d12h; lo and hi are included.
func (v value) duration(dst *time.Duration, lo, hi time.Duration) bool {
	if !v.scalar(aDuration, "!!str", "!!int", "!!float") {
		return false
	}
	s := v.node.Value
	if tag := v.node.ShortTag(); tag != "!!str" && s != "0" {
		return v.fail("write "+quoteShort(s)+"s or "+quoteShort(s)+"ms", "the duration %s has no unit", quoteShort(s))
	}
	d, ok := parseDuration(s)
	if !ok {
		return v.fail("use ms, s, m, h or d, such as 300ms or 24h", "%q is no duration", quoteShort(s))
	}
	if d < lo || d > hi {
		return v.fail("use "+showDuration(lo)+" to "+showDuration(hi), "%s is out of range", s)
	}
	*dst = d
	return true
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

// showDuration writes a duration as people write it in the file.
func showDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30},
	{"kB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1},
}

// size reads 64MiB; lo and hi are bytes and included.
func (v value) size(dst *int64, lo, hi int64) bool {
	if !v.scalar(aSize, "!!str", "!!int", "!!float") {
		return false
	}
	s := v.node.Value
	if v.node.ShortTag() != "!!str" {
		return v.fail("write "+quoteShort(s)+"MiB or "+quoteShort(s)+"B", "the size %s has no unit", quoteShort(s))
	}
	for _, u := range sizeUnits {
		head, found := strings.CutSuffix(s, u.suffix)
		if !found {
			continue
		}
		f, err := strconv.ParseFloat(head, 64)
		if err != nil || !(f >= 0 && f <= 1e12) {
			break
		}
		if f *= u.bytes; f < float64(lo) || f > float64(hi) {
			return v.fail("use "+showSize(lo)+" to "+showSize(hi), "%s is out of range", s)
		}
		*dst = int64(f)
		return true
	}
	return v.fail("use B, KiB, MiB or GiB, such as 64MiB", "%q is no size", quoteShort(s))
}

func showSize(n int64) string {
	for _, u := range []int{2, 1, 0} {
		if b := int64(sizeUnits[u].bytes); n >= b && n%b == 0 {
			return strconv.FormatInt(n/b, 10) + sizeUnits[u].suffix
		}
	}
	return strconv.FormatInt(n, 10) + "B"
}

// address parses a URL and refuses a password in it.
func (v value) address(s string) (*url.URL, bool) {
	u, err := url.Parse(s)
	if err != nil || !strings.Contains(s, "://") {
		return nil, v.fail("write scheme://host:port", "%q is no address", quoteShort(s))
	}
	if _, has := u.User.Password(); has {
		return nil, v.fail("write username: and password_file:", "an address must not hold a password")
	}
	if u.User != nil {
		return nil, v.fail("write username:", "an address must not hold a user name")
	}
	return u, true
}

// isLoopback tells whether only this machine reaches a host.
func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
