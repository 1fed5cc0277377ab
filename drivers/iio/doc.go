// Package iio reads sensors of the kernel's industrial I/O subsystem one value
// at a time: pressure, humidity, light, gas, analog-digital converters and
// hundreds more that have a kernel driver.
//
// It does not configure a device. Fast streams of an accelerometer are package
// vibration's.
//
// # Channels
//
// A channel has the name of the kernel's attribute without the prefix in_ and the
// suffix _raw or _input: temp, pressure, humidityrelative, voltage0,
// voltage0-voltage1, accel_x, concentration_co2. Its type determines its unit, so a
// configuration can be checked without the device. A channel may also be named by its
// type and the kernel's label of it, "voltage:supply". Values have this program's
// units: °C, Pa, %, V, A, W, m/s², rad/s, rad, °, µT, lx, m, Ω, nF, S/m, µg/m³;
// light intensity, proximity, pH and counts have none.
//
// # Value
//
// The value is in_X_input if the kernel's driver computes it, otherwise
// (in_X_raw + offset) * scale. Scale and offset may be attributes of the channel,
// of its modifier or of its type. They are read with every value, because another
// program may change the gain. Without a scale the raw value is used as it is, as in
// the kernel (drivers/iio/inkern.c, iio_convert_raw_to_processed). A temperature of
// -273.15 °C or less is missing: it is computed for an input without a sensor.
//
// # Source
//
// Documentation/ABI/testing/sysfs-bus-iio of Linux 6.x. Each entry of the table of
// types is taken from "Units after application of scale and offset" of its _raw
// entry.
package iio
