package derive

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/scanner"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The bounds of an expression.
const (
	MaxNodes  = 64   // numbers, channels, operators and functions
	MaxLength = 1000 // bytes of the text
	MaxRows   = 3600 // of mean
)

// Expr is an expression that has been read. It is not changed any more and is safe
// for concurrent use.
type Expr struct {
	root *node
	refs []Ref
}

// Ref is a channel that an expression uses, and where: the number of the first
// character of its name, from 1.
type Ref struct {
	Channel string // full name, "pump.flow"
	At      int
}

// Error says what is wrong with an expression, and where: the number of a
// character, from 1.
type Error struct {
	At      int
	Message string
	Hint    string // what to do about it; may be empty
}

// Error gives the place, the message and the hint.
func (e *Error) Error() string {
	text := fmt.Sprintf("character %d of the expression: %s", e.At, e.Message)
	if e.Hint != "" {
		text += ": " + e.Hint
	}
	return text
}

// node is one number, channel, operator or function.
type node struct {
	op      op
	number  float64 // of opNumber
	channel string  // of opChannel
	rows    int     // of opMean
	args    []*node
}

type op uint8

const (
	opNumber op = iota
	opChannel
	opNegate
	opAdd
	opSubtract
	opMultiply
	opDivide
	opMin
	opMax
	opAbs
	opMean
)

// operators are the allowed ones with two operands.
var operators = map[token.Token]op{token.ADD: opAdd, token.SUB: opSubtract, token.MUL: opMultiply, token.QUO: opDivide}

// functions are the allowed ones, with how many arguments they take.
var functions = map[string]struct {
	op          op
	least, most int
	usage       string
}{
	"min":  {opMin, 2, MaxNodes, "min(a, b)"},
	"max":  {opMax, 2, MaxNodes, "max(a, b)"},
	"abs":  {opAbs, 1, 1, "abs(a)"},
	"mean": {opMean, 2, 2, "mean(a, 60)"},
}

// Parts of hints.
const (
	allowed = "an expression has numbers, channels, + - * /, parentheses, min, max, abs and mean"
	quoted  = "a name with a hyphen or a digit in front stands in backticks"
)

// Parse reads an expression. The error is an *Error.
func Parse(text string) (*Expr, error) {
	if len(text) > MaxLength {
		return nil, &Error{1, fmt.Sprintf("%d bytes, want at most %d", len(text), MaxLength), "split it into several channels"}
	}
	// A line end would end the expression, and a comment would hide what comes
	// after it: Python writes an integer division as //.
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, text)
	for _, comment := range []string{"//", "/*"} {
		if i := strings.Index(text, comment); i >= 0 {
			return nil, &Error{characters(text, i) + 1, comment + " is not an operator", allowed}
		}
	}
	p := reader{text: text, nodes: MaxNodes}
	tree, err := parser.ParseExpr(text)
	if err != nil {
		return nil, p.syntax(err)
	}
	root, err := p.node(tree)
	if err != nil {
		return nil, err
	}
	if p.refs == nil {
		return nil, &Error{1, "it uses no channel", "name a channel with its sensor, as in pump.flow"}
	}
	return &Expr{root, p.refs}, nil
}

// Refs lists the channels that the expression uses, each once, where it is used
// first.
func (e *Expr) Refs() []Ref { return slices.Clone(e.refs) }

// reader turns Go's syntax tree into nodes.
type reader struct {
	text  string
	nodes int // that may still come
	refs  []Ref
}

// characters counts those before a byte of the text.
func characters(text string, byteAt int) int {
	return utf8.RuneCountInString(text[:min(max(byteAt, 0), len(text))])
}

func (p *reader) fault(at token.Pos, hint, format string, args ...any) error {
	return &Error{characters(p.text, int(at)-1) + 1, fmt.Sprintf(format, args...), hint}
}

// syntax is the first error that Go's parser found.
func (p *reader) syntax(err error) error {
	var list scanner.ErrorList
	if !errors.As(err, &list) || len(list) == 0 {
		return &Error{1, err.Error(), allowed}
	}
	message := strings.NewReplacer("'EOF'", "the end", "newline", "the end").Replace(list[0].Msg)
	return &Error{characters(p.text, list[0].Pos.Offset) + 1, message, allowed + "; " + quoted}
}

// node reads one expression of the tree.
func (p *reader) node(e ast.Expr) (*node, error) {
	if paren, is := e.(*ast.ParenExpr); is {
		return p.node(paren.X)
	}
	if p.nodes--; p.nodes < 0 {
		return nil, p.fault(e.Pos(), "split it into several channels", "more than %d numbers, channels and operators", MaxNodes)
	}
	switch e := e.(type) {
	case *ast.BasicLit:
		return p.literal(e)
	case *ast.SelectorExpr:
		sensor, is := e.X.(*ast.Ident)
		if !is {
			return nil, p.fault(e.Pos(), "a channel has its sensor's name and its own, as in pump.flow", "not the name of a channel")
		}
		return p.channel(e.Pos(), sensor.Name+"."+e.Sel.Name)
	case *ast.Ident:
		return nil, p.fault(e.Pos(), "a channel has its sensor's name before it, as in pump.flow; "+quoted, "%s is neither a channel nor a number", e.Name)
	case *ast.UnaryExpr:
		return p.sign(e)
	case *ast.BinaryExpr:
		return p.operation(e)
	case *ast.CallExpr:
		return p.call(e)
	}
	return nil, p.fault(e.Pos(), "", "not allowed: %s", allowed)
}

// literal reads a number, or the name of a channel in backticks.
func (p *reader) literal(l *ast.BasicLit) (*node, error) {
	if l.Kind == token.STRING && strings.HasPrefix(l.Value, "`") {
		return p.channel(l.Pos(), strings.Trim(l.Value, "`"))
	}
	decimal := strings.Trim(l.Value, "0123456789.eE+-") == ""
	octal := len(l.Value) > 1 && l.Value[0] == '0' && l.Value[1] >= '0' && l.Value[1] <= '9'
	if x, err := strconv.ParseFloat(l.Value, 64); err == nil && decimal && !octal {
		return &node{op: opNumber, number: x}, nil
	}
	return nil, p.fault(l.Pos(), "write it like 12, 0.5 or 1e-3", "%s is not a decimal number", l.Value)
}

func (p *reader) channel(at token.Pos, name string) (*node, error) {
	if sensor, channel, dot := strings.Cut(name, "."); !dot || sensor == "" || channel == "" {
		return nil, p.fault(at, "a channel has its sensor's name and its own, as in pump.flow", "%q is not the name of a channel", name)
	}
	if !slices.ContainsFunc(p.refs, func(r Ref) bool { return r.Channel == name }) {
		p.refs = append(p.refs, Ref{name, characters(p.text, int(at)-1) + 1})
	}
	return &node{op: opChannel, channel: name}, nil
}

func (p *reader) sign(e *ast.UnaryExpr) (*node, error) {
	if e.Op != token.SUB && e.Op != token.ADD {
		return nil, p.fault(e.OpPos, allowed, "%v is not an operator", e.Op)
	}
	x, err := p.node(e.X)
	if err != nil || e.Op == token.ADD {
		return x, err
	}
	return &node{op: opNegate, args: []*node{x}}, nil
}

func (p *reader) operation(e *ast.BinaryExpr) (*node, error) {
	o, is := operators[e.Op]
	if !is {
		return nil, p.fault(e.OpPos, allowed, "%v is not an operator", e.Op)
	}
	return p.with(&node{op: o}, e.X, e.Y)
}

// with reads the operands or arguments of a node.
func (p *reader) with(n *node, args ...ast.Expr) (*node, error) {
	for _, a := range args {
		x, err := p.node(a)
		if err != nil {
			return nil, err
		}
		n.args = append(n.args, x)
	}
	return n, nil
}

func (p *reader) call(e *ast.CallExpr) (*node, error) {
	name, is := e.Fun.(*ast.Ident)
	if !is {
		return nil, p.fault(e.Pos(), allowed, "not a function")
	}
	f, known := functions[name.Name]
	switch n := len(e.Args); {
	case !known:
		return nil, p.fault(e.Pos(), allowed, "there is no function %s", name.Name)
	case e.Ellipsis.IsValid():
		return nil, p.fault(e.Ellipsis, "write "+f.usage, "... is not allowed")
	case n < f.least || n > f.most:
		return nil, p.fault(e.Pos(), "write "+f.usage, "%s has %d arguments", name.Name, n)
	}
	if f.op != opMean {
		return p.with(&node{op: f.op}, e.Args...)
	}
	rows, is := e.Args[1].(*ast.BasicLit)
	if !is || rows.Kind != token.INT {
		return nil, p.fault(e.Args[1].Pos(), "write "+f.usage, "the rows of mean are a whole number")
	}
	n, err := strconv.Atoi(rows.Value)
	if err != nil || n < 2 || n > MaxRows {
		return nil, p.fault(rows.Pos(), fmt.Sprintf("use 2 to %d", MaxRows), "mean over %s rows", rows.Value)
	}
	return p.with(&node{op: opMean, rows: n}, e.Args[0])
}
