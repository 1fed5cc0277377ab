package commission

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"iot-edge-anomaly/drivers"
	"iot-edge-anomaly/drivers/modbus"
)

func TestHint(t *testing.T) {
	refused := func(code byte) error {
		return fmt.Errorf("holding 3: %w", &modbus.ExceptionError{Function: 3, Code: code})
	}
	for _, tt := range []struct {
		url  string
		err  error
		want string // in it; empty = no hint
	}{
		{"tcp://h", nil, ""},
		{"tcp://h", context.Canceled, ""},
		{"tcp://h", modbus.ErrTimeout, "is the unit right"},
		{"rtutcp://h:1", modbus.ErrTimeout, "are unit and wires right"},
		{"rtu:///dev/x", modbus.ErrTimeout, "baud rate"},
		{"tcp://h", refused(1), "no such table"},
		{"tcp://h", refused(2), "counts from 1"},
		{"tcp://h", refused(10), "a gateway says so"},
		{"rtu:///dev/x", refused(11), "a gateway says so"},
		{"tcp://h", refused(200), ""},
		{"tcp://h", &modbus.UnitError{Got: 255, Want: 5}, "as unit 255"},
		{"rtu:///dev/x", &modbus.UnitError{Got: 255, Want: 5}, "its own number"},
		{"tcp://h", fmt.Errorf("%w: protocol id 7", modbus.ErrFrame), "does that port speak Modbus TCP"},
		{"tcp://h", &modbus.LostError{Cause: io.EOF}, "a single client"},
		{"tcp://h", fmt.Errorf("%w: connecting: %w", drivers.ErrBus, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), "are host and port right"},
		{"rtu:///dev/x", fmt.Errorf("%w: connecting: %w", drivers.ErrBus, syscall.ENOENT), ""},
		{"tcp://h", errors.New("d is 0x8000"), ""},
	} {
		if got := hint(tt.url, tt.err); !strings.Contains(got, tt.want) || (got == "") != (tt.want == "") {
			t.Errorf("%s, %v: %q, want %q in it", tt.url, tt.err, got, tt.want)
		}
	}
}
