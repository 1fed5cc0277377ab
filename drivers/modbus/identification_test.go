package modbus

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/sim/modbussim"
)

// identified is a device that says what it is, beside one that does not.
func identified() map[uint8]*modbussim.Bank {
	banks := map[uint8]*modbussim.Bank{7: {}, 8: {}}
	banks[7].SetIdentity("Acme \x07Meters", "M-1", strings.Repeat("r", 244))
	banks[7].SetInput(0, 1000)
	return banks
}

// TestLine_identify asks over each kind of line; the three texts need three answers.
// Registers are read afterwards over the same connection.
func TestLine_identify(t *testing.T) {
	tcp, err := modbussim.Listen("127.0.0.1:0", identified())
	if err != nil {
		t.Fatal(err)
	}
	defer tcp.Close()
	far, err := modbussim.ListenRTU("127.0.0.1:0", identified())
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	pty := openPTY(t)
	near := modbussim.ServeRTU(pty, 115_200, identified())
	defer near.Close()
	for name, l := range map[string]*Line{
		"tcp":    NewLine(Dial(tcp.Addr()), LineOptions{Timeout: unhurried}),
		"rtutcp": NewLine(Dial(far.Addr()), LineOptions{Mode: RTUOverTCP, Timeout: unhurried}),
		"rtu":    NewLine(tty(pty.Path), LineOptions{Mode: RTU, Baud: 115_200, Timeout: unhurried}),
	} {
		t.Run(name, func(t *testing.T) {
			defer l.Close()
			got, err := l.Identify(t.Context(), 7)
			if want := (Identification{"Acme Meters", "M-1", strings.Repeat("r", 244)}); err != nil || got != want {
				t.Errorf("got %+v, %v", got, err)
			}
			var refused *ExceptionError
			if _, err := l.Identify(t.Context(), 8); !errors.As(err, &refused) || refused.Code != 1 || refused.Function != readIdentity {
				t.Errorf("a device that does not know the function: %v", err)
			}
			if err := readWords(l, 7, 0, 1); err != nil {
				t.Errorf("afterwards: %v", err)
			}
			if st := l.Stats(); st.Connects != 1 || st.BadFrames+st.Timeouts+st.Hangups+st.Refused != 0 {
				t.Errorf("stats %+v, want one undisturbed connection", st)
			}
		})
	}
}

// TestLine_identifyPymodbus asks an independent server, over TCP and a serial line.
func TestLine_identifyPymodbus(t *testing.T) {
	for name, open := range peerLines(t, "pymodbus_server.py") {
		t.Run(name, func(t *testing.T) {
			l := open(t)
			defer l.Close()
			got, err := l.Identify(t.Context(), 7)
			if want := (Identification{"Pymodbus", "PM", "3.0"}); err != nil || got != want {
				t.Errorf("got %+v, %v, want %+v", got, err, want)
			}
		})
	}
}

// TestLine_identifyNonsense: answers that are no identification are refused, and the
// question itself is the only one of its function.
func TestLine_identifyNonsense(t *testing.T) {
	for name, pdu := range map[string][]byte{
		"short":             {0x2B, 0x0E, 1},
		"more than it has":  {0x2B, 0x0E, 1, 1, 0, 0, 2, 0, 1, 'a'},
		"longer than it is": {0x2B, 0x0E, 1, 1, 0, 0, 1, 0, 9, 'a'},
		"bytes behind":      {0x2B, 0x0E, 1, 1, 0, 0, 1, 0, 1, 'a', 'b'},
		"other function":    {0x03, 2, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			go func() {
				buf := make([]byte, 64)
				if n, err := server.Read(buf); err == nil && n > 7 {
					server.Write(append([]byte{buf[0], buf[1], 0, 0, 0, byte(1 + len(pdu)), buf[6]}, pdu...))
				}
			}()
			l := NewLine(func(context.Context) (io.ReadWriteCloser, error) { return client, nil }, LineOptions{Timeout: 5 * time.Second})
			defer l.Close()
			if got, err := l.Identify(t.Context(), 7); !errors.Is(err, ErrFrame) {
				t.Errorf("got %+v, %v, want ErrFrame", got, err)
			}
		})
	}
	for _, pdu := range [][]byte{{0x2B, 0x0E, 2, 0}, {0x2B, 0x0D, 1, 0}, {0x2B, 0x0E, 1}, {0x2B, 0x0E, 1, 0, 0}} {
		if err := checkReading(pdu, 2); !errors.Is(err, ErrReadOnly) {
			t.Errorf("% x: %v, want ErrReadOnly", pdu, err)
		}
	}
}

// FuzzIdentity holds that no bytes make an answer panic, and that what is taken for a
// whole answer is one.
func FuzzIdentity(f *testing.F) {
	f.Add([]byte{7, 0x2B, 0x0E, 1, 1, 0, 0, 1, 0, 1, 'a', 0, 0})
	f.Add([]byte{7, 0xAB, 1, 0, 0})
	f.Fuzz(func(t *testing.T, got []byte) {
		req := []byte{7, 0x2B, 0x0E, 1, 0}
		crc := crc16(req)
		req = append(req, byte(crc), byte(crc>>8))
		r := newFraming(RTU)
		n, stale, err := r.cut(req, got)
		if n < 0 || n > len(got) || err != nil && n != 0 {
			t.Fatalf("cut: %d of %d bytes, %v", n, len(got), err)
		}
		if n > 0 && !stale && !intact(got[:n]) {
			t.Fatalf("an answer with a bad checksum: % x", got[:n])
		}
		if n, err := identityLen(got); err == nil && n > 0 && n <= len(got) {
			if bytes.Count(got[:n], nil) == 0 || n < identityHead {
				t.Fatalf("an identification of %d bytes", n)
			}
		}
		tcp := append([]byte{0, 1, 0, 0, 0, 5, 7}, 0x2B, 0x0E, 1, 0)
		if n, _, err := new(mbap).cut(tcp, got); n > len(got) || err != nil && n != 0 {
			t.Fatalf("cut: %d of %d bytes, %v", n, len(got), err)
		}
	})
}
