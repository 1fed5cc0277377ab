package derive

import (
	"fmt"
	"slices"
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
	named   = "a channel has its sensor's name and its own, as in pump.flow"
)

// Parse reads an expression. The error is an *Error.
func Parse(text string) (*Expr, error) {
	if len(text) > MaxLength {
		return nil, &Error{1, fmt.Sprintf("%d bytes, want at most %d", len(text), MaxLength), "split it into several channels"}
	}
	p := &reader{text: text, left: MaxNodes}
	p.next()
	root, err := p.sum()
	switch {
	case err != nil:
		return nil, err
	case p.token != "":
		return nil, p.fault(p.at, allowed+"; "+quoted, "want an operator, got %s", p.got())
	case p.refs == nil:
		return nil, p.fault(0, "name a channel with its sensor, as in pump.flow", "it uses no channel")
	}
	return &Expr{root, p.refs}, nil
}

// Refs lists the channels that the expression uses, each once, where it is used
// first.
func (e *Expr) Refs() []Ref { return slices.Clone(e.refs) }

// Scaled is the expression times scale plus offset.
func (e *Expr) Scaled(scale, offset float64) *Expr {
	root := e.root
	if scale != 1 {
		root = &node{op: opMultiply, args: []*node{root, {op: opNumber, number: scale}}}
	}
	if offset != 0 {
		root = &node{op: opAdd, args: []*node{root, {op: opNumber, number: offset}}}
	}
	return &Expr{root, e.refs}
}
