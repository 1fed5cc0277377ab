// Package hwmon reads chips of the kernel's hardware monitoring subsystem: the
// processor's temperature, board supplies, fans, hundreds of I2C and 1-Wire
// sensors that have a kernel driver.
//
// It does not configure a chip, and it does not read limits and alarms: those
// are the chip's, the agent has its own.
//
// # Channels
//
// A channel is called as the kernel calls it, and its name fixes its unit, so a
// configuration can be checked without the chip: in0 (V), temp1 (°C), curr1 (A),
// power1 (W), energy1 (J), humidity1 (%), fan1 (1/min).
//
// # Never invented
//
// A channel whose tempN_fault or fanN_fault says 1 is missing: "the measurement
// should not be trusted". A disabled one answers ENODATA and is missing too.
//
// An LM75 and its many relatives hold 0 °C from power-on to the end of their first
// conversion, and their kernel drivers deliver it. So where the temperature before
// was not near 0 °C, or there was none, an exact 0 is read once more, 300 ms later.
//
// A 1-Wire thermometer (chip w1_slave_temp) that says exactly 85 °C is missing:
// that is what a DS18B20 holds after power-on, before its first conversion
// (Analog Devices DS18B20 data sheet, 19-7487 rev. 6, table 1, note), as after a
// supply that dips during the conversion. The price is that a true 85.000 °C is
// missing as well; its neighbours 0.0625 °C away are not. One beyond -55 to 125 °C
// is missing too: 127.94 °C is another sign of a supply that failed. (A MAX31850,
// family 3b, reads a thermocouple and may be there.)
//
// The kernel checks a thermometer's bytes by their checksum only, and that of nine
// zeros, which is what a data line shorted to ground reads as, is right: 0 °C. So
// for an exact 0 °C the bytes themselves are read (w1_slave of the same device,
// which takes one conversion more); a real thermometer's hold its limits and its
// resolution and are not all zero.
//
// # Limits
//
// A voltage is that at the chip's pin; what resistors stand before it only the
// board's maker knows. A few old drivers give a thermistor's voltage as temp (in
// mV): its values are no °C. A 1-Wire conversion takes up to 750 ms, during
// which Read waits in the kernel.
//
// # Source
//
// Documentation/hwmon/sysfs-interface.rst of Linux 6.x: names, units, faults;
// Documentation/w1/slaves/w1_therm.rst and drivers/w1/slaves/w1_therm.c
// (w1_read_temp, read_scratchpad, convert_t): 1-Wire thermometers.
package hwmon
