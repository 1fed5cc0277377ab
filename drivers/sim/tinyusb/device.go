package tinyusb

import (
	"encoding/binary"
	"slices"
	"unicode/utf16"

	"periph.io/x/conn/v3/i2c"
)

// Commands of the adapter (bRequest) and what it answers, i2c-tiny-usb.c.
const (
	cmdEcho     = 0
	cmdFunc     = 1
	cmdSetDelay = 2
	cmdStatus   = 3
	cmdIO       = 4 // or-ed with ioBegin and ioEnd
	ioBegin     = 1 << 0
	ioEnd       = 1 << 1

	flagRead = 1 // I2C_M_RD, in wValue

	statusACK = 1
	statusNAK = 2

	// I2C_FUNC_I2C and I2C_FUNC_SMBUS_EMUL of linux/i2c.h.
	functionality = 0x0EFF0009
)

// Standard requests, USB 2.0 table 9-4, and descriptor types, table 9-5.
const (
	getStatus     = 0
	getDescriptor = 6

	typeDevice        = 1
	typeConfiguration = 2
	typeString        = 3
)

// The adapter's identity, which makes the kernel choose its driver i2c-tiny-usb.
const (
	vendorID  = 0x0403
	productID = 0xC631
	release   = 0x0205
)

// Descriptors, USB 2.0 §9.6.1 (device), §9.6.3 (configuration), §9.6.5
// (interface): one configuration, one interface without endpoints of its own.
var (
	deviceDescriptor = []byte{18, typeDevice, 0x10, 0x01, 0xFF, 0, 0, 8, vendorID & 0xFF, vendorID >> 8, productID & 0xFF, productID >> 8,
		release & 0xFF, release >> 8, 1, 2, 0, 1}
	configDescriptor = []byte{9, typeConfiguration, 18, 0, 1, 1, 0, 0x80, 50,
		9, 4, 0, 0, 0, 0xFF, 0, 0, 0}
	stringDescriptors = [][]byte{{4, typeString, 0x09, 0x04}, text("iot-edge-anomaly"), text("i2c-tiny-usb")}
)

// text is a string descriptor, USB 2.0 §9.6.7.
func text(s string) []byte {
	b := []byte{0, typeString}
	for _, u := range utf16.Encode([]rune(s)) {
		b = binary.LittleEndian.AppendUint16(b, u)
	}
	b[0] = byte(len(b))
	return b
}

// setup is the first stage of a control transfer, USB 2.0 table 9-2.
type setup struct {
	requestType, request byte
	value, index, length uint16
}

func parseSetup(b []byte) setup {
	le := binary.LittleEndian
	return setup{b[0], b[1], le.Uint16(b[2:]), le.Uint16(b[4:]), le.Uint16(b[6:])}
}

// device is the USB side of the adapter: control transfers on endpoint 0. It is not
// safe for concurrent use.
type device struct {
	bus     i2c.Bus
	status  byte   // of the newest message
	waiting []byte // a written message that the next message continues
}

// control answers one control transfer; false means a stall. Out is what the host
// sent; the answer has at most s.length bytes.
func (d *device) control(s setup, out []byte) ([]byte, bool) {
	in, ok := d.answer(s, out)
	return in[:min(len(in), int(s.length))], ok
}

func (d *device) answer(s setup, out []byte) ([]byte, bool) {
	const typeMask, vendor = 0x60, 0x40 // USB 2.0 table 9-2, bmRequestType
	if s.requestType&typeMask != vendor {
		return standard(s)
	}
	switch {
	case s.request == cmdEcho:
		return binary.LittleEndian.AppendUint16(nil, s.value), true
	case s.request == cmdFunc:
		return binary.LittleEndian.AppendUint32(nil, functionality), true
	case s.request == cmdSetDelay:
		return nil, true
	case s.request == cmdStatus:
		return []byte{d.status}, true
	case s.request&^3 == cmdIO:
		return d.message(s, out), true
	}
	return nil, false
}

func standard(s setup) ([]byte, bool) {
	switch s.request {
	case getDescriptor:
		switch i := int(s.value & 0xFF); {
		case s.value>>8 == typeDevice:
			return deviceDescriptor, true
		case s.value>>8 == typeConfiguration:
			return configDescriptor, true
		case s.value>>8 == typeString && i < len(stringDescriptors):
			return stringDescriptors[i], true
		}
		return nil, false
	case getStatus:
		return []byte{0, 0}, true
	}
	return nil, true // SET_CONFIGURATION, SET_INTERFACE, …: there is one of each
}

// message carries out one I²C message and keeps its status. It does not acknowledge
// what i2c.Bus cannot express: anything but a write, a read, or a write followed by
// a read.
func (d *device) message(s setup, out []byte) []byte {
	read, first, last := s.value&flagRead != 0, s.request&ioBegin != 0, s.request&ioEnd != 0
	w := d.waiting
	d.waiting = nil
	switch {
	case !read && first && !last:
		d.waiting, d.status = slices.Clone(out), statusACK
		return nil
	case !read && first:
		d.transact(s.index, out, nil)
		return nil
	case read && last:
		in := make([]byte, s.length)
		d.transact(s.index, w, in)
		return in
	}
	d.status = statusNAK
	return make([]byte, s.length)
}

func (d *device) transact(addr uint16, w, r []byte) {
	d.status = statusACK
	if err := d.bus.Tx(addr, w, r); err != nil {
		d.status = statusNAK
	}
}
