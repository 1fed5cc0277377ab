package devices

import (
	"context"
	"errors"
	"io"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/board"
	"iot-edge-anomaly/drivers/modbus"
)

// lineOptions are what all Modbus lines have.
func lineOptions(b config.Bus, mode modbus.Mode) modbus.LineOptions {
	o := modbus.LineOptions{Mode: mode, Timeout: b.Timeout, Gap: b.Pause, Settle: b.ConnectPause, Connections: b.Connections, CloseAfterRead: b.CloseAfterRead}
	if s := b.Modbus.Serial; s != nil {
		o.Baud = s.Baud
	}
	return o
}

func tcpLine(b config.Bus) *modbus.Line {
	return modbus.NewLine(modbus.Dial(b.Modbus.Addr), lineOptions(b, modbus.TCP))
}

func rtuOverTCPLine(b config.Bus) *modbus.Line {
	return modbus.NewLine(modbus.Dial(b.Modbus.Addr), lineOptions(b, modbus.RTUOverTCP))
}

func rtuLine(b config.Bus) *modbus.Line {
	return modbus.NewLine(openSerial(*b.Modbus), lineOptions(b, modbus.RTU))
}

// openSerial opens the port of a serial line. The name is looked up each time,
// because an adapter that was unplugged may come back as another device.
func openSerial(m config.ModbusURL) func(context.Context) (io.ReadWriteCloser, error) {
	s := m.Serial
	return func(context.Context) (io.ReadWriteCloser, error) {
		port, err := board.OpenSerial(m.Addr, s.Baud, s.Parity, s.Stop)
		if err != nil {
			return nil, err
		}
		driven, err := switched(port, s)
		if err != nil {
			return nil, errors.Join(err, port.Close())
		}
		return driven, nil
	}
}

// switched is the port with the direction of its RS-485 transceiver switched as
// configured.
func switched(port *board.Serial, s *config.Serial) (io.ReadWriteCloser, error) {
	mode := board.RS485{Low: s.RS485.Low, Before: s.RS485.Before, After: s.RS485.After}
	switch s.RS485.Mode {
	case "kernel":
		return port, port.KernelRS485(mode)
	case "gpio":
		pin, err := board.OpenPin(s.RS485.Pin)
		if err != nil {
			return nil, err
		}
		bits := 9 + s.Stop // start, 8 data, stop
		if s.Parity != "none" {
			bits++
		}
		return port.DrivenBy(pin, mode, s.Baud, bits)
	}
	return port, nil
}

// requestLimits bounds a sensor's requests.
func (b bus) requestLimits(s config.Sensor) modbus.RequestLimits {
	return modbus.RequestLimits{Timeout: s.Timeout, Budget: b.conf.Budget, Retries: s.Retries}
}
