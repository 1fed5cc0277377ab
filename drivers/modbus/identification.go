package modbus

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/goburrow/modbus"
)

// Read Device Identification, V1.1b3 §6.21: function 43 with MEI type 14.
const (
	readIdentity  = 0x2B
	identityType  = 0x0E
	basicIdentity = 1 // the category that every such device has: objects 0 to 2

	identityHead = 7 // function, MEI type, category, conformity, more follows, next object, number of objects
)

// identityParts bounds the requests for one identification. Three objects of up to
// 244 bytes need three.
const identityParts = 4

// Identification is what a device says that it is. A text is empty where the device
// does not say it.
type Identification struct{ Vendor, Product, Revision string }

// Identify asks a unit once what it is. It is for scans; devices need not know the
// function, and answer with exception 1 then. The package comment lists the kinds
// of errors.
func (l *Line) Identify(ctx context.Context, unit uint8) (Identification, error) {
	c := newClient(l, unit, RequestLimits{})
	var texts [3]string
	next := byte(0)
	for range identityParts {
		pdu, err := c.identity(ctx, unit, next)
		if err != nil {
			return Identification{}, fmt.Errorf("unit %d: identification: %w", unit, err)
		}
		at := identityHead
		for range int(pdu[identityHead-1]) {
			id, n := pdu[at], int(pdu[at+1])
			if int(id) < len(texts) {
				texts[id] = printable(pdu[at+2 : at+2+n])
			}
			at += 2 + n
		}
		if pdu[4] != 0xFF || pdu[5] <= next {
			break
		}
		next = pdu[5]
	}
	return Identification{texts[0], texts[1], texts[2]}, nil
}

// identity makes one request, for the objects from next on, and returns the PDU of
// the answer, whose objects are complete. It is valid until the next request.
func (c *client) identity(ctx context.Context, unit uint8, next byte) ([]byte, error) {
	p := newFraming(c.line.opts.Mode).packager(unit)
	req, err := p.Encode(&modbus.ProtocolDataUnit{FunctionCode: readIdentity, Data: []byte{identityType, basicIdentity, next}})
	if err != nil {
		return nil, err
	}
	c.ctx = ctx
	defer func() { c.ctx = nil }()
	answer, err := c.Send(req)
	if err != nil {
		return nil, err
	}
	pdu := answerPDU(answer, c.line.opts.Mode)
	if pdu[0] == readIdentity|0x80 {
		c.line.count(&c.line.stats.Exceptions)
		return nil, &ExceptionError{Function: readIdentity, Code: pdu[1]}
	}
	if n, err := identityLen(pdu); err != nil || n != len(pdu) {
		return nil, errors.Join(err, fmt.Errorf("%w: identification of %d bytes", ErrFrame, len(pdu)))
	}
	return pdu, nil
}

// answerPDU is the PDU in a frame.
func answerPDU(frame []byte, m Mode) []byte {
	if m == TCP {
		return frame[mbapLen:]
	}
	return frame[1 : len(frame)-2]
}

// identityLen is the length of the identification that pdu begins with; 0 = not
// known yet. It holds as many objects as it says, each with an id and a length.
func identityLen(pdu []byte) (int, error) {
	if len(pdu) < identityHead {
		return 0, nil
	}
	at := identityHead
	for range int(pdu[identityHead-1]) {
		if at+1 >= len(pdu) {
			return 0, nil
		}
		if at += 2 + int(pdu[at+1]); at > maxADU {
			return 0, fmt.Errorf("%w: identification of more than %d bytes", ErrFrame, maxADU)
		}
	}
	return at, nil
}

// isIdentity reports whether a request asks what the device is.
func isIdentity(pdu []byte) bool {
	return len(pdu) == 4 && pdu[0] == readIdentity && pdu[1] == identityType && pdu[2] == basicIdentity
}

// printable is a device's text without what a terminal or a file might take for
// something else.
func printable(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b)))
}
