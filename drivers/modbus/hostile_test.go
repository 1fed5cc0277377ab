package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"iot-edge-anomaly/drivers"
)

// answerTo is a slave's answer to a request for words; register a holds 1000+a.
func answerTo(req []byte) []byte {
	at, n := binary.BigEndian.Uint16(req[2:]), binary.BigEndian.Uint16(req[4:])
	b := []byte{req[0], req[1], byte(2 * n)}
	for i := range n {
		b = binary.BigEndian.AppendUint16(b, 1000+at+i)
	}
	return appendCRC(b)
}

// A line without bias makes a byte or two whenever it turns round, some of them
// long before the answer. That must neither shift the answers by one request,
// for the slave works off what it was asked, nor cost any.
func TestSerial_glitchesBeforeTheAnswer(t *testing.T) {
	p := openPTY(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		before := [][]byte{{0xFC}, {0x80, 0xFE}, {0x00, 0xF8}, {0xFC, 0x7F, 0x07}, {0xFF, 0xFF, 0xFF, 0xE0}}
		for i, req := 0, make([]byte, 8); ; i++ {
			if _, err := io.ReadFull(p, req); err != nil {
				return
			}
			p.Write(before[i%len(before)])
			time.Sleep(70 * time.Millisecond)
			p.Write(answerTo(req))
		}
	}()
	l := NewLine(tty(p.Path), LineOptions{Mode: RTU, Baud: 115_200, Timeout: 500 * time.Millisecond})
	for i := range 10 {
		if err := readWords(l, 7, uint16(100*i), 2); err != nil {
			t.Errorf("request %d: %v", i, err)
		}
	}
	l.Close()
	p.Close()
	<-done
}

// An echo may come byte by byte, and at these addresses it looks like an answer
// one byte shorter than itself.
func TestRTU_cutEchoByteByByte(t *testing.T) {
	for _, req := range [][]byte{
		appendCRC([]byte{7, 3, 2, 5, 0, 1}), // holding 517: an answer of 2 bytes
		appendCRC([]byte{7, 1, 1, 5, 0, 8}), // coil 261: one of 1 byte
	} {
		r := newFraming(RTU).(*rtu)
		for k := 1; k < len(req); k++ {
			if n, _, err := r.cut(req, req[:k]); n != 0 || err != nil {
				t.Errorf("% x, first %d bytes: %d, %v; want to wait for the echo's end", req, k, n, err)
			}
		}
	}
}

// A host that accepts and hangs up, as a serial server does that has another
// client, is not run against with every request.
func TestLine_hangsUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		open := func(context.Context) (io.ReadWriteCloser, error) {
			opened++
			near, far := net.Pipe()
			go func() { io.ReadFull(far, make([]byte, 12)); far.Close() }()
			return near, nil
		}
		l := NewLine(open, LineOptions{})
		defer l.Close()
		for range 600 { // a minute
			if err := readWords(l, 7, 1, 2); !errors.Is(err, drivers.ErrBus) {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if opened > 20 {
			t.Errorf("connected %d times in a minute, want growing pauses", opened)
		}
	})
}

// A fast sensor whose registers the unit leaves unanswered does not keep a slow
// one of the same unit, which it answers, from being read.
func TestDev_silentSiblingStarvesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, _ := unitOnPipe(func(_ byte, at int) bool { return at < 100 })
		l := NewLine(open, LineOptions{Timeout: 300 * time.Millisecond})
		defer l.Close()
		fast, slow := newDev(t, l, 7, words(0), Options{}), newDev(t, l, 7, words(100), Options{})
		good := 0
		for second := range 600 {
			start := time.Now()
			read(t, fast)
			if second%10 == 9 {
				if _, err := read(t, slow); err == nil {
					good++
				}
			}
			time.Sleep(time.Until(start.Add(time.Second)))
		}
		if good < 55 {
			t.Errorf("the sensor that answers was read %d of 60 times", good)
		}
	})
}

// A host that allows fewer connections than are configured is read through those
// that it allows.
func TestLine_fewerConnectionsAllowed(t *testing.T) {
	pipes, _ := unitOnPipe(func(byte, int) bool { return false })
	open, taken := pipes, make(chan struct{}, 1)
	l := NewLine(func(ctx context.Context) (io.ReadWriteCloser, error) {
		select {
		case taken <- struct{}{}:
			return open(ctx)
		default:
			return nil, errors.New("refused")
		}
	}, LineOptions{Connections: 2})
	defer l.Close()
	if err := readWords(l, 7, 1, 2); err != nil {
		t.Fatal(err)
	}
	<-l.free // as two requests at once do
	<-l.free
	first, second := l.take(), l.take()
	if _, err := second.connect(t.Context(), time.Now().Add(time.Second), time.Second); err == nil {
		t.Fatal("two connections")
	}
	l.give(first)
	l.give(second)
	for range 5 {
		if err := readWords(l, 7, 1, 2); err != nil {
			t.Error(err)
		}
	}
}
