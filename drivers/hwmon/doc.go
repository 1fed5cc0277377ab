// Package hwmon reads chips of the kernel's hardware monitoring subsystem: the
// processor's temperature, board supplies, fans, hundreds of I2C and 1-Wire
// sensors that have a kernel driver.
//
// It does not configure a chip. It does not read the chip's limits and alarms,
// because the agent has its own.
//
// # Channels
//
// A channel has the kernel's name, and the name determines its unit, so a
// configuration can be checked without the chip: in0 (V), temp1 (°C), curr1 (A),
// power1 (W), energy1 (J), humidity1 (%), fan1 (1/min). If a chip has no powerN_input
// but powerN_average, powerN is the average.
//
// Numbers may belong to other inputs with another kernel, but the chip's labels move
// along. So a channel may also be named by its type and its label, "temp:Core 0", and
// one of a PMBus chip by its label alone, iout1.
//
// # What is never delivered
//
// A channel whose tempN_fault or fanN_fault is 1 is missing: "the measurement
// should not be trusted". A disabled channel answers ENODATA and is missing too.
//
// An LM75 and its many relatives hold 0 °C from power-on to the end of their first
// conversion, and their kernel drivers deliver it. If a Read finds exactly 0 and
// the previous temperature was not near 0 °C, or there was none, it reads again
// 300 ms later.
//
// Exactly 85 °C from a 1-Wire thermometer (chip w1_slave_temp) is missing. A
// DS18B20 holds that value after power-on until its first conversion (Analog
// Devices DS18B20 data sheet, 19-7487 rev. 6, table 1, note), so also after its
// supply dipped during a conversion. As a consequence a true 85.000 °C is missing
// as well, but not its neighbours 0.0625 °C away. Values outside -55 to 125 °C are
// missing too: 127.94 °C is another sign of a failed supply. A MAX31850 (family 3b)
// reads a thermocouple and may deliver them.
//
// The kernel verifies a thermometer's bytes only by their checksum. A data line
// shorted to ground reads as nine zeros, whose checksum is right, so the kernel
// delivers 0 °C. For an exact 0 °C, Read therefore reads the bytes themselves
// (w1_slave of the same device, which takes one more conversion). A real
// thermometer's bytes hold its limits and resolution and are not all zero.
//
// Exactly -273.15, -61, 127.5 and 255 °C are missing: they are what chips deliver for
// an input without a sensor (absolute zero; the end of a thermistor's table of the
// NCT6775 family; a reading of 0xFF or its half).
//
// # Limits
//
// A voltage is the one at the chip's pin; only the board's maker knows which
// divider stands before it, and Input has a scale for it. A few old drivers deliver a thermistor's voltage (in
// mV) as temp: such values are not °C. A 1-Wire conversion takes up to 750 ms,
// during which Read waits in the kernel.
//
// # Source
//
// Documentation/hwmon/sysfs-interface.rst of Linux 6.x: names, units, faults;
// Documentation/w1/slaves/w1_therm.rst and drivers/w1/slaves/w1_therm.c
// (w1_read_temp, read_scratchpad, convert_t): 1-Wire thermometers.
package hwmon
