package tinyusb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Import requests the adapter over a new connection to its server, as `usbip attach`
// does. It returns what the kernel must be told when it takes over the connection:
// the adapter's id (bus and device number) and its speed.
func Import(c io.ReadWriter) (id, speed uint32, err error) {
	be := binary.BigEndian
	req := be.AppendUint16(nil, protocolVersion)
	req = be.AppendUint16(req, opImport)
	req = be.AppendUint32(req, 0)
	req = append(req, make([]byte, busIDLen)...)
	copy(req[opHeaderLen:], BusID)
	if _, err := c.Write(req); err != nil {
		return 0, 0, err
	}
	var head [opHeaderLen]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return 0, 0, err
	}
	if be.Uint16(head[2:]) != opImported {
		return 0, 0, fmt.Errorf("usbip answer 0x%04x, want 0x%04x", be.Uint16(head[2:]), opImported)
	}
	if be.Uint32(head[4:]) != 0 {
		return 0, 0, errors.New("the usb adapter is unplugged")
	}
	var dev [pathLen + busIDLen + 24]byte
	if _, err := io.ReadFull(c, dev[:]); err != nil {
		return 0, 0, err
	}
	d := dev[pathLen+busIDLen:]
	return be.Uint32(d)<<16 | be.Uint32(d[4:]), be.Uint32(d[8:]), nil
}
