package mqttsub

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// MaxPayload is the longest message that is read, in bytes. Longer ones are skipped.
const MaxPayload = 64 << 10

// Types of packets, MQTT 3.1.1 (OASIS Standard, 29 October 2014) §2.2.1, with the
// flags of §2.2.2 where they are fixed.
const (
	packetConnect    = 0x10
	packetConnack    = 0x20
	packetPublish    = 0x30
	packetSubscribe  = 0x82
	packetSuback     = 0x90
	packetPingreq    = 0xC0
	packetPingresp   = 0xD0
	packetDisconnect = 0xE0
)

var errProtocol = errors.New("broker violated the protocol")

// pingreq and disconnect are whole packets.
var (
	pingreq    = []byte{packetPingreq, 0}
	disconnect = []byte{packetDisconnect, 0}
)

// text is a string as §1.5.3 has it.
func text(s string) []byte {
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(s))), s...)
}

// packet puts the fixed header before a body.
func packet(first byte, body []byte) []byte {
	out := []byte{first}
	n := len(body)
	for more := true; more; more = n > 0 { // §2.2.3
		b := byte(n & 0x7f)
		if n >>= 7; n > 0 {
			b |= 0x80
		}
		out = append(out, b)
	}
	return append(out, body...)
}

// connect is a CONNECT packet: a clean session without a will (§3.1).
func connect(clientID, username, password string) []byte {
	const cleanSession, hasPassword, hasUsername = 0x02, 0x40, 0x80
	flags := byte(cleanSession)
	payload := text(clientID)
	if username != "" {
		flags |= hasUsername
		payload = append(payload, text(username)...)
		if password != "" {
			flags |= hasPassword
			payload = append(payload, text(password)...)
		}
	}
	body := append(text("MQTT"), 4, flags)
	body = binary.BigEndian.AppendUint16(body, uint16(keepAlive.Seconds()))
	return packet(packetConnect, append(body, payload...))
}

// subscribe is a SUBSCRIBE packet for QoS 0 (§3.8).
func subscribe(id uint16, topics []string) []byte {
	body := binary.BigEndian.AppendUint16(nil, id)
	for _, t := range topics {
		body = append(append(body, text(t)...), 0)
	}
	return packet(packetSubscribe, body)
}

// refusals are the return codes of CONNACK (§3.2.2.3).
var refusals = map[byte]string{
	1: "it does not speak MQTT 3.1.1", 2: "client id refused", 3: "server unavailable",
	4: "bad user name or password", 5: "not authorized",
}

// received is a packet from the broker. Its slices are valid until the next one.
type received struct {
	kind    byte // packetConnack, packetPublish, packetSuback or packetPingresp
	code    byte // of CONNACK
	id      uint16
	codes   []byte // of SUBACK, one a topic
	topic   []byte
	retain  bool
	payload []byte
	length  int // of the payload; above MaxPayload, payload is empty
}

// inlet reads packets. It holds one payload, and a topic as long as the longest that
// was subscribed to.
type inlet struct {
	r     *bufio.Reader
	topic []byte
	body  []byte
}

// newInlet reads messages on topics of at most so many bytes.
func newInlet(r io.Reader, topic int) *inlet {
	return &inlet{r: bufio.NewReader(r), topic: make([]byte, topic)}
}

// next reads a packet. A message on a topic that is too long to be one of ours is
// skipped, and so is the payload of one that is too long.
func (in *inlet) next() (received, error) {
	first, err := in.r.ReadByte()
	if err != nil {
		return received{}, err
	}
	length, err := in.length()
	if err != nil {
		return received{}, err
	}
	if first&0xf0 == packetPublish {
		return in.publish(first, length)
	}
	switch {
	case first == packetConnack && length == 2, first == packetPingresp && length == 0, first == packetSuback && length > 2 && length <= 2+topicsAtOnce:
	default:
		return received{}, fmt.Errorf("%w: packet 0x%02x of %d bytes", errProtocol, first, length)
	}
	b, err := in.read(length)
	p := received{kind: first}
	switch {
	case err != nil:
	case first == packetConnack:
		p.code = b[1]
	case first == packetSuback:
		p.id, p.codes = binary.BigEndian.Uint16(b), b[2:]
	}
	return p, err
}

// length reads a remaining length (§2.2.3).
func (in *inlet) length() (n int, err error) {
	for shift := 0; shift < 28; shift += 7 {
		b, err := in.r.ReadByte()
		if err != nil {
			return 0, unexpected(err)
		}
		if n |= int(b&0x7f) << shift; b&0x80 == 0 {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a length of more than four bytes", errProtocol)
}

// publish reads the rest of a PUBLISH packet. We subscribe with QoS 0, so the broker
// may send nothing else [MQTT-3.8.4-6].
func (in *inlet) publish(first byte, length int) (received, error) {
	if first&0x0e != 0 || length < 2 {
		return received{}, fmt.Errorf("%w: packet 0x%02x of %d bytes", errProtocol, first, length)
	}
	b, err := in.read(2)
	if err != nil {
		return received{}, err
	}
	n := int(binary.BigEndian.Uint16(b))
	p := received{kind: packetPublish, retain: first&1 != 0, length: length - 2 - n}
	if p.length < 0 {
		return received{}, fmt.Errorf("%w: a topic of %d bytes in a packet of %d", errProtocol, n, length)
	}
	if n > len(in.topic) {
		_, err := in.r.Discard(length - 2)
		return p, unexpected(err)
	}
	p.topic = in.topic[:n]
	if _, err := io.ReadFull(in.r, p.topic); err != nil {
		return p, unexpected(err)
	}
	if p.length > MaxPayload {
		_, err := in.r.Discard(p.length)
		return p, unexpected(err)
	}
	p.payload, err = in.read(p.length)
	return p, err
}

// read reads n bytes, at most MaxPayload.
func (in *inlet) read(n int) ([]byte, error) {
	if cap(in.body) < n {
		in.body = make([]byte, n)
	}
	b := in.body[:n]
	_, err := io.ReadFull(in.r, b)
	return b, unexpected(err)
}

// unexpected marks the end of the stream inside a packet.
func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
