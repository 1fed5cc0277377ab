package commission

import (
	"bytes"
	"context"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/modbus"
)

// tooFew is the verdict for an answer with one register fewer than was asked for.
const tooFew = 0xFF

// device answers requests for registers with the exception that verdict returns. For
// 0 it answers that every register is 1.
func device(t *testing.T, verdict func(at, n int) byte) *modbus.Line {
	l := modbus.NewLine(func(context.Context) (io.ReadWriteCloser, error) {
		near, far := net.Pipe()
		go func() {
			defer far.Close()
			for req := make([]byte, 12); ; {
				if _, err := io.ReadFull(far, req); err != nil {
					return
				}
				at, n := int(req[8])<<8|int(req[9]), int(req[11])
				code := verdict(at, n)
				if code == tooFew {
					n--
				}
				ans := append([]byte{req[0], req[1], 0, 0, 0, byte(3 + 2*n), req[6], req[7], byte(2 * n)}, bytes.Repeat([]byte{0, 1}, n)...)
				if code != 0 && code != tooFew {
					ans = []byte{req[0], req[1], 0, 0, 0, 3, req[6], req[7] | 0x80, code}
				}
				if _, err := far.Write(ans); err != nil {
					return
				}
			}
		}()
		return near, nil
	}, modbus.LineOptions{})
	t.Cleanup(func() { l.Close() })
	return l
}

// A device that does not know the function is asked once, not register by
// register.
func TestScanModbus_noTable(t *testing.T) {
	asked := 0
	l := device(t, func(int, int) byte { asked++; return 1 })
	_, err := scanLine(t.Context(), l, ModbusTarget{URL: "tcp://h", Unit: 7, At: config.Address{Table: "holding"}, Count: 200})
	if err == nil || !strings.Contains(err.Error(), "the device has no such table") || asked != 1 {
		t.Errorf("%v after %d requests", err, asked)
	}
}

// A device that answers with fewer registers than it was asked for is read one by
// one.
func TestScanModbus_fewerThanAsked(t *testing.T) {
	l := device(t, func(_, n int) byte {
		if n > 4 {
			return tooFew
		}
		return 0
	})
	found, err := scanLine(t.Context(), l, ModbusTarget{URL: "tcp://h", Unit: 7, At: config.Address{Table: "holding"}, Count: 9})
	if err != nil || len(found.words) != 9 || !found.any() {
		t.Fatalf("%v, %+v", err, found)
	}
	for i, w := range found.words {
		if w.err != nil || w.value != 1 {
			t.Errorf("register %d: %d, %v", i, w.value, w.err)
		}
	}
}

// An interrupted scan shows what was read.
func TestScanModbus_interrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	l := device(t, func(at, n int) byte {
		if at+n <= 125 {
			return 0
		}
		if at > 125 {
			time.AfterFunc(time.Millisecond, cancel)
		}
		return 2
	})
	told := 0
	found, err := scanLine(ctx, l, ModbusTarget{URL: "tcp://h", Unit: 7, At: config.Address{Table: "holding"}, Count: 1000, Progress: func(done int) { told = done }})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := found.Print(&out, ModbusForm{}); err != nil {
		t.Fatal(err)
	}
	if s := out.String(); !strings.Contains(s, "125 of 1000 registers") || !strings.Contains(s, ": interrupted") || told < 125 {
		t.Errorf("told %d done, printed\n%.200s", told, s)
	}
}

// The legend claims no more about the byte order than the registers tell.
func TestModbusPrint_orderIsTold(t *testing.T) {
	for want, words := range map[string][]uint16{
		"Nothing here tells the byte order: ABCD is taken.": {0, 1, 235, 7},
		"Byte order CDAB fits, another hardly less.":        {14873, 0xff85, 452, 1591, 231}, // a drive's 16-bit values
		"Byte order CDAB fits best.":                        {0x147b, 0x4248, 0x7852, 0x4367},
	} {
		r := &ModbusScan{ModbusTarget: ModbusTarget{Count: len(words)}}
		for _, w := range words {
			r.words = append(r.words, word{value: w})
		}
		var out strings.Builder
		if err := r.Print(&out, ModbusForm{}); err != nil || !strings.Contains(out.String(), want) {
			t.Errorf("%v, %q is missing:\n%s", err, want, out.String())
		}
	}
}

// Registers that the device refused go into never_read. Registers whose answer was
// lost to noise do not.
func TestModbusPrint_neverRead(t *testing.T) {
	for cause, never := range map[error]bool{&modbus.ExceptionError{Function: 3, Code: 2}: true, modbus.ErrFrame: false, modbus.ErrTimeout: false} {
		r := &ModbusScan{table: modbus.Holding, ModbusTarget: ModbusTarget{Count: 3}, words: []word{{value: 7}, {err: cause}, {value: 7}}}
		var out strings.Builder
		if err := r.Print(&out, ModbusForm{YAML: true}); err != nil || strings.Contains(out.String(), `never_read: ["holding:1"]`) != never {
			t.Errorf("%v: %v\n%s", cause, err, out.String())
		}
	}
}

func TestPlain(t *testing.T) {
	for x, want := range map[float64]string{3e6: "3000000", 2999976.485: "2999976", 50.013: "50.013", 123456789012: "123456789012", 0.00001234: "0.00001234000", -4e7: "-40000000"} {
		if got := plain(x); got != want {
			t.Errorf("%v: %s, want %s", x, got, want)
		}
	}
}
