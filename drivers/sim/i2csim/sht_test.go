package i2csim

import (
	"bytes"
	"errors"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestSHT(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewSHT3x()
		r := make([]byte, 6)
		busy := func(err error) bool { return errors.Is(err, syscall.EREMOTEIO) }
		if err := c.Tx(nil, r); !busy(err) {
			t.Errorf("read before a measurement: %v", err)
		}
		c.Set(25, 40)
		c.Tx([]byte{0x24, 0x00}, nil)
		if err := c.Tx(nil, r); !busy(err) {
			t.Errorf("read while measuring: %v", err)
		}
		if err := c.Tx([]byte{0x24, 0x00}, nil); !busy(err) {
			t.Errorf("command while measuring: %v", err)
		}
		time.Sleep(13 * time.Millisecond)
		// 6666h is 25 °C and 40 %; its checksum is 93h
		if err := c.Tx(nil, r); err != nil || !bytes.Equal(r, []byte{0x66, 0x66, 0x93, 0x66, 0x66, 0x93}) {
			t.Errorf("% x %v", r, err)
		}
		if err := c.Tx(nil, r); !busy(err) {
			t.Errorf("second read of one measurement: %v", err)
		}
		c.Tx([]byte{0x24, 0x00}, nil)
		if err := c.Tx([]byte{0x30, 0x93}, nil); err != nil {
			t.Errorf("break: %v", err)
		}
		if err := c.Tx([]byte{0x24, 0x00}, nil); err != nil {
			t.Errorf("after break: %v", err)
		}
	})
}

// The datasheet's example of a checksum: BEEFh has 92h.
func TestSHT_checksum(t *testing.T) {
	c := NewSHT4x()
	c.out = c.buf[:0]
	c.word(0xBEEF)
	c.CorruptCRC(0, 1)
	c.word(0xBEEF)
	if !bytes.Equal(c.out, []byte{0xBE, 0xEF, 0x92, 0xBE, 0xEF, 0xD2}) {
		t.Errorf("% x", c.out)
	}
}
