package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
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
	l := NewLine(tty(p.Path), LineOptions{Mode: RTU, Baud: 115_200, Timeout: unhurried})
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

// scarce opens at most one connection of three at a time: others are refused, or
// accepted and hung up.
func scarce(open func(context.Context) (io.ReadWriteCloser, error), hangUp bool, tries *atomic.Int64) func(context.Context) (io.ReadWriteCloser, error) {
	taken := make(chan struct{}, 1)
	return func(ctx context.Context) (io.ReadWriteCloser, error) {
		tries.Add(1)
		select {
		case taken <- struct{}{}:
			conn, err := open(ctx)
			return &onlyOne{conn.(net.Conn), func() { <-taken }}, err
		default:
		}
		if !hangUp {
			return nil, errors.New("refused")
		}
		near, far := net.Pipe()
		go func() { io.ReadFull(far, make([]byte, 12)); far.Close() }()
		return near, nil
	}
}

type onlyOne struct {
	net.Conn
	closed func()
}

func (c *onlyOne) Close() error {
	c.closed()
	return c.Conn.Close()
}

// A host that allows fewer connections than are configured is read through those
// that it allows, and loses no request but the first of all at once.
func TestLine_fewerConnectionsAllowed(t *testing.T) {
	for _, hangUp := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var dead atomic.Bool
			pipes, _ := unitOnPipe(func(byte, int) bool { return dead.Load() })
			var tries atomic.Int64
			l := NewLine(scarce(pipes, hangUp, &tries), LineOptions{Connections: 3})
			defer l.Close()
			failed := 0
			second := func() {
				var wg sync.WaitGroup
				errs := make([]error, 3)
				for i := range errs {
					wg.Go(func() { errs[i] = readWords(l, byte(7+i), 1, 2) })
				}
				wg.Wait()
				for _, err := range errs {
					if err != nil {
						failed++
					}
				}
				time.Sleep(time.Second)
			}
			for range 60 {
				second()
			}
			if n := tries.Load(); failed > 0 || n > 20 {
				t.Errorf("hung up %v: %d of 180 requests failed, %d attempts to connect", hangUp, failed, n)
			}
			dead.Store(true) // the one connection is lost with every request
			for range 10 {
				second()
			}
			dead.Store(false)
			for range 11 { // what was withheld may be tried for the last time
				second()
			}
			failed = 0
			for range 60 {
				second()
			}
			if failed > 0 {
				t.Errorf("hung up %v: %d requests failed after the host was back", hangUp, failed)
			}
		})
	}
}

// With a budget a device is read in turns: what was left comes first in the next
// cycle, each range in every second, and only that is the error.
func TestDev_budget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		open, _ := pipeServer(func(byte, int, int) byte { time.Sleep(30 * time.Millisecond); return 0 })
		l := begun(NewLine(open, LineOptions{}))
		defer l.Close()
		d := newDev(t, l, 7, words(0, 20, 40), Options{RequestLimits: RequestLimits{Budget: 40 * time.Millisecond}})
		want := []string{"xx-", "x-x", "-xx", "xx-"}
		for i, w := range want {
			there, err := read(t, d)
			if there != w || !drivers.OnlyLater(err) {
				t.Errorf("cycle %d: %s, %v; want %s", i, there, err, w)
			}
			var left *drivers.PartError
			if !errors.As(err, &left) || len(left.Channels) != 1 || w[slices.IndexFunc(d.channels, func(c drivers.Channel) bool { return c.Name == left.Channels[0] })] != '-' {
				t.Errorf("cycle %d: %v concerns %v", i, err, left)
			}
		}
	})
}
