package demo

import (
	"fmt"
	"sync"
	"time"

	"periph.io/x/conn/v3/i2c"

	"iot-edge-anomaly/drivers/sim/i2csim"
	"iot-edge-anomaly/drivers/sim/modbussim"
)

// Options build a Station. The zero value is that of the demonstration.
type Options struct {
	Seed   uint64  // of the plant's history
	Pace   float64 // of the plant's clock, relative to the wall clock; 0 = 20
	Modbus string  // address to listen on; empty = a free port of 127.0.0.1
	Fault  Fault   // the only one that the script plays; empty = all of them in turn
}

// The chips on the station's I²C bus. The INA219 measures the cabinet's 24 V
// supply over 0.1 Ω.
const (
	bearingAddress = 0x48
	climateAddress = 0x76
	supplyAddress  = 0x40
	supplyShunt    = 0.1
	bearingBits    = 11
)

// Station is the plant with its instruments: a Modbus TCP server and chips on I²C. Its
// own clock advances it until Close. It is safe for concurrent use.
type Station struct {
	o       Options
	server  *modbussim.Server
	banks   map[uint8]*modbussim.Bank
	regs    []register
	bearing *i2csim.LM75
	climate *i2csim.BME280
	supply  *i2csim.INA219
	stop    func()
	done    chan struct{}

	mu    sync.Mutex
	plant *Plant
}

// Start builds a station and starts its clock. An error is about the address to listen
// on.
func Start(o Options) (*Station, error) {
	if o.Pace <= 0 {
		o.Pace = 20
	}
	if o.Modbus == "" {
		o.Modbus = "127.0.0.1:0"
	}
	if o.Fault != "" {
		if _, err := ParseFault(string(o.Fault)); err != nil {
			return nil, err
		}
	}
	s := &Station{o: o, plant: NewPlant(o.Seed), regs: registers(), done: make(chan struct{}),
		banks:   map[uint8]*modbussim.Bank{driveUnit: {}, transmitterUnit: {}},
		bearing: i2csim.NewLM75(bearingBits), climate: i2csim.NewBME280(), supply: i2csim.NewINA219(supplyShunt)}
	s.show()
	server, err := modbussim.Listen(o.Modbus, s.banks)
	if err != nil {
		return nil, fmt.Errorf("starting the pump station: %w", err)
	}
	s.server = server
	stop := make(chan struct{})
	s.stop = sync.OnceFunc(func() { close(stop) })
	go s.run(stop)
	return s, nil
}

// longestPause is the most time that the plant catches up with after the host was
// suspended.
const longestPause = time.Second

// run advances the plant's clock with the wall clock.
func (s *Station) run(stop <-chan struct{}) {
	defer close(s.done)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
		}
		now := time.Now()
		passed := min(now.Sub(last), longestPause)
		last = now
		s.mu.Lock()
		s.plant.Step(time.Duration(float64(passed) * s.o.Pace))
		s.show()
		s.mu.Unlock()
	}
}

// show writes the plant's values into the instruments.
func (s *Station) show() {
	v := s.plant.Values()
	show(&v, s.banks, s.regs)
	s.bearing.Set(v.BearingTemp)
	s.climate.Set(v.CabinetTemp, v.CabinetPressure, v.CabinetHumidity)
	s.supply.Set(v.SupplyVoltage, v.SupplyCurrent)
}

// Close stops the clock and the Modbus server.
func (s *Station) Close() error {
	s.stop()
	<-s.done
	return s.server.Close()
}

// ModbusAddr returns the address of the Modbus server, "host:port".
func (s *Station) ModbusAddr() string { return s.server.Addr() }

// I2C opens the station's I²C bus. It is used in place of board.OpenI2C and therefore
// takes a name, but every name is this one bus. The caller closes the bus; the chips
// remain.
func (s *Station) I2C(name string) (i2c.BusCloser, error) {
	b := i2csim.New(name)
	b.Attach(bearingAddress, s.bearing)
	b.Attach(climateAddress, s.climate)
	b.Attach(supplyAddress, s.supply)
	return b, nil
}

// SetFault makes a fault of the plant or its instruments grow to the given severity, or
// end at 0.
func (s *Station) SetFault(f Fault, severity float64) {
	s.mu.Lock()
	s.plant.SetFault(f, severity)
	s.mu.Unlock()
	if f == DeadSlave {
		s.server.SetSilent(transmitterUnit, severity > 0)
	}
}

// Values returns what the instruments show now.
func (s *Station) Values() Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.plant.Values()
}

// Plant describes for people which device is where.
func (s *Station) Plant() string {
	return fmt.Sprintf("Modbus TCP %s (unit %d drive, unit %d transmitters); I2C lm75 0x%x, bme280 0x%x, ina219 0x%x",
		s.ModbusAddr(), driveUnit, transmitterUnit, bearingAddress, climateAddress, supplyAddress)
}
