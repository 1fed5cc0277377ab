package derive

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// reader reads an expression from left to right:
//
//	sum     = product { ("+" | "-") product }
//	product = sign { ("*" | "/") sign }
//	sign    = [ "+" | "-" ] sign | operand
//	operand = number | channel | function "(" sum { "," sum } ")" | "(" sum ")"
//
// It calls itself at most once for each byte of the text, which MaxLength bounds.
type reader struct {
	text  string
	at    int    // first byte of token
	token string // empty = the end
	left  int    // nodes that may still come
	refs  []Ref
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

// isName tells whether all of s may be in a name of the configuration.
func isName(s string) bool {
	for i := range len(s) {
		if !isLetter(s[i]) && !isDigit(s[i]) && s[i] != '-' {
			return false
		}
	}
	return true
}

// next goes on to the next token: a word of letters, digits and dots, a number, a
// name in backticks, or a single character.
func (p *reader) next() {
	p.at += len(p.token)
	rest := p.text[p.at:]
	blank := len(rest) - len(strings.TrimLeft(rest, " \t\r\n"))
	p.at, rest = p.at+blank, rest[blank:]
	p.token = rest[:tokenLength(rest)]
}

func tokenLength(s string) int {
	switch {
	case s == "":
		return 0
	case s[0] == '`':
		if end := strings.IndexByte(s[1:], '`'); end >= 0 {
			return end + 2
		}
		return len(s)
	case isLetter(s[0]) || isDigit(s[0]) || s[0] == '.' && len(s) > 1 && isDigit(s[1]):
		number := !isLetter(s[0])
		n := 1
		for n < len(s) && (isLetter(s[n]) || isDigit(s[n]) || s[n] == '.' || number && (s[n] == '+' || s[n] == '-') && s[n-1]|0x20 == 'e') {
			n++
		}
		return n
	}
	_, n := utf8.DecodeRuneInString(s)
	return n
}

// got names the token for a message.
func (p *reader) got() string {
	if p.token == "" {
		return "the end"
	}
	return p.token
}

// fault is an error at a byte of the text.
func (p *reader) fault(at int, hint, format string, args ...any) error {
	return &Error{utf8.RuneCountInString(p.text[:at]) + 1, fmt.Sprintf(format, args...), hint}
}

// node counts one more node, which begins at a byte of the text.
func (p *reader) node(at int, n node) (*node, error) {
	if p.left--; p.left < 0 {
		return nil, p.fault(at, "split it into several channels", "more than %d numbers, channels, operators and functions", MaxNodes)
	}
	return &n, nil
}

func (p *reader) sum() (*node, error) {
	return p.chain(map[string]op{"+": opAdd, "-": opSubtract}, p.product)
}

func (p *reader) product() (*node, error) {
	return p.chain(map[string]op{"*": opMultiply, "/": opDivide}, p.sign)
}

// chain reads operands with operators of one precedence between them, which bind
// from the left.
func (p *reader) chain(operators map[string]op, operand func() (*node, error)) (*node, error) {
	a, err := operand()
	for err == nil {
		o, is := operators[p.token]
		if !is {
			return a, nil
		}
		at := p.at
		p.next()
		var b *node
		if b, err = operand(); err == nil {
			a, err = p.node(at, node{op: o, args: []*node{a, b}})
		}
	}
	return nil, err
}

func (p *reader) sign() (*node, error) {
	at, sign := p.at, p.token
	if sign != "+" && sign != "-" {
		return p.operand()
	}
	p.next()
	a, err := p.sign()
	if err != nil || sign == "+" {
		return a, err
	}
	return p.node(at, node{op: opNegate, args: []*node{a}})
}

func (p *reader) operand() (*node, error) {
	at, token := p.at, p.token
	switch {
	case token == "(":
		p.next()
		a, err := p.sum()
		if err == nil {
			err = p.want(")")
		}
		return a, err
	case token == "" || token[0] != '`' && token[0] != '.' && !isLetter(token[0]) && !isDigit(token[0]):
		return nil, p.fault(at, allowed, "want a number or a channel, got %s", p.got())
	}
	p.next()
	switch {
	case token[0] == '`':
		if len(token) < 2 || token[len(token)-1] != '`' {
			return nil, p.fault(at, quoted, "the second ` of a name is missing")
		}
		return p.channel(at, token[1:len(token)-1])
	case !isLetter(token[0]):
		return p.number(at, token)
	case strings.Contains(token, "."):
		if i := strings.IndexByte(token, '.'); i+1 < len(token) && isDigit(token[i+1]) {
			return nil, p.fault(at, "write `"+token+"`", "%s has a digit behind the dot", token)
		}
		return p.channel(at, token)
	case p.token == "(":
		return p.call(at, token)
	}
	return nil, p.fault(at, named+"; "+quoted, "%s is neither a channel nor a number", token)
}

// want takes a token that must come.
func (p *reader) want(token string) error {
	if p.token != token {
		return p.fault(p.at, allowed+"; "+quoted, "want %s, got %s", token, p.got())
	}
	p.next()
	return nil
}

func (p *reader) number(at int, text string) (*node, error) {
	decimal := strings.Trim(text, "0123456789.eE+-") == ""
	octal := len(text) > 1 && text[0] == '0' && isDigit(text[1])
	if x, err := strconv.ParseFloat(text, 64); err == nil && decimal && !octal {
		return p.node(at, node{op: opNumber, number: x})
	}
	return nil, p.fault(at, "write it like 12, 0.5 or 1e-3; "+quoted, "%s is not a decimal number", text)
}

func (p *reader) channel(at int, name string) (*node, error) {
	sensor, channel, _ := strings.Cut(name, ".")
	if sensor == "" || channel == "" || !isName(sensor) || !isName(channel) {
		return nil, p.fault(at, named, "%s is not the name of a channel", name)
	}
	if !slices.ContainsFunc(p.refs, func(r Ref) bool { return r.Channel == name }) {
		p.refs = append(p.refs, Ref{name, utf8.RuneCountInString(p.text[:at]) + 1})
	}
	return p.node(at, node{op: opChannel, channel: name})
}

// call reads the arguments of a function.
func (p *reader) call(at int, name string) (*node, error) {
	f, known := functions[name]
	if !known {
		return nil, p.fault(at, allowed, "there is no function %s", name)
	}
	n := node{op: f.op}
	last := 0 // where the last argument begins
	for more := true; more; more = p.token == "," {
		p.next()
		last = p.at
		a, err := p.sum()
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, a)
	}
	if err := p.want(")"); err != nil {
		return nil, err
	}
	if len(n.args) < f.least || len(n.args) > f.most {
		return nil, p.fault(at, "write "+f.usage, "%s has %d arguments", name, len(n.args))
	}
	if f.op == opMean {
		rows := n.args[1]
		if rows.op != opNumber || rows.number < 2 || rows.number > MaxRows || rows.number != math.Trunc(rows.number) {
			return nil, p.fault(last, fmt.Sprintf("use a whole number from 2 to %d, as in %s", MaxRows, f.usage), "mean is over a number of rows")
		}
		n.args, n.rows = n.args[:1], int(rows.number)
	}
	return p.node(at, n)
}
