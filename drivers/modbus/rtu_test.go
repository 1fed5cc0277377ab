package modbus

import (
	"bytes"
	"testing"
	"time"

	"github.com/goburrow/modbus"
)

// The example of V1.02 §6.2.2 (02 07 -> 41 12), the catalogue's check value of
// CRC-16/MODBUS, and a well known frame.
func TestCRC16(t *testing.T) {
	for _, c := range []struct {
		in   string
		want uint16
	}{{"", 0xFFFF}, {"\x02\x07", 0x1241}, {"123456789", 0x4B37}, {"\x01\x03\x00\x00\x00\x0A", 0xCDC5}} {
		if got := crc16([]byte(c.in)); got != c.want {
			t.Errorf("% x: %04x, want %04x", c.in, got, c.want)
		}
	}
}

// goburrow's packager, which makes our requests, agrees.
func TestCRC16_asGoburrow(t *testing.T) {
	h := modbus.NewRTUClientHandler("")
	for unit := range 256 {
		h.SlaveId = byte(unit)
		adu, err := h.Encode(&modbus.ProtocolDataUnit{FunctionCode: 3, Data: []byte{byte(unit), 1, 0, 125}})
		if err != nil || !bytes.Equal(adu, appendCRC(bytes.Clone(adu[:len(adu)-2]))) {
			t.Fatalf("% x, %v", adu, err)
		}
	}
}

func TestSilences(t *testing.T) {
	for _, c := range []struct {
		baud        int
		char, frame time.Duration
	}{
		{9600, 1145833, 4010415},
		{19200, 572916, 2005206},
		{38400, 286458, 1750_000},
		{115200, 95486, 1750_000},
	} {
		if a, b := charTime(c.baud), interFrame(c.baud); a != c.char || b != c.frame {
			t.Errorf("%d baud: %d %d, want %d %d", c.baud, a, b, c.char, c.frame)
		}
	}
}
