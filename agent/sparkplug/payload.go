package sparkplug

import (
	"encoding/binary"
	"math"
)

// datatype is a Sparkplug type of data (§6.4.16).
type datatype uint8

const (
	int32Type  datatype = 3
	int64Type  datatype = 4
	doubleType datatype = 10
	boolType   datatype = 11
	textType   datatype = 12
)

// Quality codes (§6.4.9.1).
const (
	qualityBad   = 0
	qualityGood  = 192
	qualityStale = 500
)

// metric is one value, as hosts know it.
type metric struct {
	name    string
	alias   uint64 // 0 = none
	kind    datatype
	null    bool
	graded  bool // it has a quality
	tell    bool // its quality is told with the next value
	quality int  // of those above
	unit    string

	whole  int64 // of int32Type, int64Type and boolType
	number float64
	text   string
}

// Fields of the messages Payload, Metric, PropertySet and PropertyValue (§6.4.2).
const (
	payloadTime, payloadMetric, payloadSeq                                   = 1, 2, 3
	metricName, metricAlias, metricTime, metricType, metricNull, metricProps = 1, 2, 3, 4, 7, 9
	metricInt, metricLong, metricDouble, metricBool, metricText              = 10, 11, 13, 14, 15
	setKey, setValue                                                         = 1, 2
	valueType, valueInt, valueText                                           = 1, 3, 8
	varint, fixed64, counted, fixed32                                        = 0, 1, 2, 5 // wire types of protobuf
)

// payload writes messages into buffers that it keeps.
type payload struct {
	out, metric, set, values, one []byte
}

// begin begins a message that is published at a time.
func (p *payload) begin(time int64) {
	p.out = appendVarint(p.out[:0], payloadTime, uint64(time))
}

// end ends the message, with a sequence number, and returns it. It is valid until the next
// one begins.
func (p *payload) end(seq uint8) []byte {
	p.out = appendVarint(p.out, payloadSeq, uint64(seq))
	return p.out
}

// add adds a metric whose value is of a time: with everything about it to a birth, else with its
// alias instead of the name.
func (p *payload) add(m *metric, at int64, birth bool) {
	b := p.metric[:0]
	if birth {
		b = appendText(b, metricName, m.name)
	}
	if m.alias != 0 {
		b = appendVarint(b, metricAlias, m.alias)
	}
	b = appendVarint(b, metricTime, uint64(at))
	if birth {
		b = appendVarint(b, metricType, uint64(m.kind))
	}
	if m.null {
		b = appendVarint(b, metricNull, 1)
	}
	p.set, p.values = p.set[:0], p.values[:0]
	if birth && m.graded || m.tell {
		p.property("Quality", int32Type, m.quality, "")
	}
	if birth && m.unit != "" {
		p.property("engUnit", textType, 0, m.unit)
	}
	if len(p.set) > 0 {
		p.set = append(p.set, p.values...)
		b = appendBytes(b, metricProps, p.set)
	}
	if !m.null {
		b = m.value(b)
	}
	p.metric = b
	p.out = appendBytes(p.out, payloadMetric, b)
}

// value writes the value.
func (m *metric) value(b []byte) []byte {
	switch m.kind {
	case int32Type:
		return appendVarint(b, metricInt, uint64(uint32(m.whole)))
	case int64Type:
		return appendVarint(b, metricLong, uint64(m.whole))
	case boolType:
		return appendVarint(b, metricBool, uint64(m.whole))
	case doubleType:
		return binary.LittleEndian.AppendUint64(binary.AppendUvarint(b, metricDouble<<3|fixed64), math.Float64bits(m.number))
	}
	return appendText(b, metricText, m.text)
}

// property adds a key and its value to those of the property set.
func (p *payload) property(key string, kind datatype, whole int, text string) {
	p.set = appendText(p.set, setKey, key)
	v := appendVarint(p.one[:0], valueType, uint64(kind))
	if kind == textType {
		v = appendText(v, valueText, text)
	} else {
		v = appendVarint(v, valueInt, uint64(whole))
	}
	p.one = v
	p.values = appendBytes(p.values, setValue, v)
}

func appendVarint(b []byte, field, v uint64) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, field<<3|varint), v)
}

func appendBytes(b []byte, field uint64, v []byte) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(b, field<<3|counted), uint64(len(v))), v...)
}

func appendText(b []byte, field uint64, s string) []byte {
	return append(binary.AppendUvarint(binary.AppendUvarint(b, field<<3|counted), uint64(len(s))), s...)
}
