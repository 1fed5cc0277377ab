package devices

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/sim/i2csim"
)

// TestBusComesAndGoes: an absent I2C bus is tried once a second, works as soon as it
// is there, and is opened again after it has failed for a while.
func TestBusComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		absent := errors.New("no such file or directory")
		opens := 0
		var bus *i2csim.Bus
		r := &i2cBus{name: "/dev/i2c-1", open: func(string) (i2c.BusCloser, error) {
			if opens++; bus == nil {
				return nil, absent
			}
			return bus, nil
		}}
		read := func() error { return r.Tx(0x48, []byte{0}, make([]byte, 2)) }
		for range 100 {
			if err := read(); !errors.Is(err, drivers.ErrBus) || !errors.Is(err, absent) {
				t.Fatalf("got %v, want ErrBus and the cause", err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if opens != 10 {
			t.Errorf("opened %d times in 10 s, want 10", opens)
		}
		bus = i2csim.New("i2c-1")
		bus.Attach(0x48, i2csim.NewLM75(9))
		time.Sleep(openPause)
		if err := read(); err != nil {
			t.Fatalf("the bus is there: %v", err)
		}
		first := bus
		bus = i2csim.New("i2c-1 again")
		bus.Attach(0x48, i2csim.NewLM75(9))
		first.Detach(0x48)
		time.Sleep(openPause)
		for i := range reopenAfter {
			if err := read(); err == nil {
				t.Fatalf("transfer %d of a dead bus succeeded", i)
			}
		}
		if err := read(); err != nil || !first.Closed() {
			t.Errorf("after reopening: %v, first bus closed %v", err, first.Closed())
		}
	})
}

// TestHangingTransferDoesNotHoldUpClose: the bus can be closed while a transfer is
// stuck in the controller.
func TestHangingTransferDoesNotHoldUpClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := i2csim.New("i2c-1")
		bus.Attach(0x48, i2csim.NewLM75(9))
		bus.Hang(time.Minute)
		r := &i2cBus{name: "i2c-1", open: func(string) (i2c.BusCloser, error) { return bus, nil }}
		done := make(chan struct{})
		go func() { r.Tx(0x48, []byte{0}, make([]byte, 2)); close(done) }()
		synctest.Wait()
		start := time.Now()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("Close took %v", d)
		}
		<-done
	})
}
