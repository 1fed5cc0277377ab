package devices

import (
	"context"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/drivers/modbus"
)

// Text reads a text of a Modbus sensor once, on the sensor's own bus.
func (b *Buses) Text(ctx context.Context, c config.Sensor, x config.TextRegister) (string, error) {
	table, err := modbus.ParseTable(x.Table)
	if err != nil {
		return "", err
	}
	order, err := modbus.ParseOrder(x.Order)
	if err != nil {
		return "", err
	}
	on := b.of(c)
	return on.modbus.ReadText(ctx, c.Unit, modbus.Text{Table: table, Address: uint16(x.At - c.AddressBase), Bytes: x.Bytes, Order: order}, on.requestLimits(c))
}
