// Package iio reads sensors of the kernel's industrial I/O subsystem one value
// at a time: pressure, humidity, light, gas, analog-digital converters and
// hundreds more that have a kernel driver.
//
// It does not configure a device. Fast streams of an accelerometer are package
// vibration's.
//
// # Channels
//
// A channel is called as in the kernel's attribute, without in_ before and _raw
// or _input behind: temp, pressure, humidityrelative, voltage0,
// voltage0-voltage1, accel_x, concentration_co2. Its type fixes its unit, so a
// configuration can be checked without the device. Values are given in this
// program's units: °C, Pa, %, V, A, W, m/s², rad/s, rad, °, µT, lx, m, Ω, nF,
// S/m, µg/m³; light intensity, proximity, pH and counts have none.
//
// # Value
//
// in_X_input where the driver computes the value, else
// (in_X_raw + offset) * scale. Scale and offset stand at the channel, at its
// modifier, or at its type; they are read with every value, because somebody may
// change the gain. Without a scale the raw value counts as the processed one, as
// in the kernel (drivers/iio/inkern.c, iio_convert_raw_to_processed).
//
// # Source
//
// Documentation/ABI/testing/sysfs-bus-iio of Linux 6.x; each entry of the table
// of types is the "Units after application of scale and offset" of its _raw
// entry.
package iio
