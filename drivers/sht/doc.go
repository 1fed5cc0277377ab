// Package sht reads the humidity and temperature sensors SHT3x (SHT30, SHT31,
// SHT35) and SHT4x (SHT40, SHT41, SHT43, SHT45) of Sensirion: temperature in °C,
// relative humidity in %.
//
// It uses the highest repeatability and neither clock stretching, which the
// controllers of several boards get wrong, nor the periodic modes, whose values
// could be older than the read, nor the heater.
//
// # One measurement
//
// Each Read commands one measurement, waits for its longest time, and reads the
// result. A chip that is still measuring does not answer its address. Controllers
// report that with different errors, so any failure to read the result counts as
// "not ready" and up to five attempts are made. If all fail, the error is that of
// the last attempt.
//
// Each value has its own checksum. A wrong checksum makes its value NaN; the other
// value is still delivered.
//
// # Opening and healing
//
// New makes no transfer. The first Read, and the first after a failed transfer,
// stops what the chip may be doing: a periodic mode or the heater that another
// program left on. No Read depends on a setting in the chip, so a loss of power
// between two reads goes unnoticed and does no harm.
//
// # Datasheets
//
//   - Sensirion "Datasheet SHT3x-DIS", version 5, May 2018: timing §2.2 table 4,
//     single shot §4.3 table 9, readout §4.4, break §4.8, soft reset §4.9,
//     status register §4.11, checksum §4.12, conversion §4.13
//   - Sensirion "SHT4x", version 6: tables of timings and of commands, checksum
//     calculation, conversion of the signal output; cited by these names
//
// # Why not periph.io/x/devices/v3
//
// Version 3.7.4 has no driver of either chip.
package sht
