package commission

import (
	"context"
	"strings"
	"testing"
	"time"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// A sweep finds the units that answer, by a value or by a refusal, and asks no more
// than ten of them in a second.
func TestSweepModbus(t *testing.T) {
	var with, without modbussim.Bank
	with.SetHolding(0, 513)
	s, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{3: &with, 5: &without})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := modbus.NewLine(modbus.Dial(s.Addr()), modbus.LineOptions{Timeout: time.Second})
	defer l.Close()
	start := time.Now()
	found, err := sweepLine(t.Context(), l, SweepTarget{URL: "tcp://h", Units: []uint8{1, 2, 3, 4, 5, 6}})
	if err != nil || found.Asked != 6 || len(found.Found) != 2 || time.Since(start) < 5*sweepPause {
		t.Fatalf("%+v, %v after %v", found, err, time.Since(start))
	}
	var out strings.Builder
	if err := found.Print(&out, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"tcp://h: 2 of 6 units answer", "  3  holding 0 is 513\n", "  5  exception 2 (illegal data address) to function 3\n", `next: iot-edge-anomaly scan modbus "tcp://h" --unit 3`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if found, err := sweepLine(ctx, l, SweepTarget{Units: []uint8{1, 2}}); err != nil || found.Ended == "" {
		t.Errorf("interrupted: %+v, %v", found, err)
	}
	s.Close()
	if _, err := sweepLine(t.Context(), l, SweepTarget{URL: "tcp://h", Units: []uint8{1}}); err == nil {
		t.Error("a line that is down has no units")
	}
}

// A device that gives only the first register of a request is read register by
// register, and the scan says so.
func TestScanModbus_firstOnly(t *testing.T) {
	var b modbussim.Bank
	for a := range 300 {
		b.SetHolding(a, uint16(1000+a))
	}
	b.SetFirstOnly(true)
	s, err := modbussim.Listen("127.0.0.1:0", map[uint8]*modbussim.Bank{7: &b})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l := modbus.NewLine(modbus.Dial(s.Addr()), modbus.LineOptions{Timeout: time.Second})
	defer l.Close()
	target := ModbusTarget{URL: "tcp://h", Unit: 7, Count: 12}
	target.At.Table = "holding"
	found, err := scanLine(t.Context(), l, target)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range found.words {
		if w.err != nil || int(w.value) != 1000+i {
			t.Errorf("register %d is %d, %v", i, w.value, w.err)
		}
	}
	var out strings.Builder
	if err := found.Print(&out, ModbusForm{}); err != nil || !strings.Contains(out.String(), "only the first register") {
		t.Errorf("%v\n%s", err, out.String())
	}
}
