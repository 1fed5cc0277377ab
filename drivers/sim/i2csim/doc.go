// Package i2csim is a simulated I²C bus with chips modelled at register level:
// pointer registers, auto-increment, power-on values, conversion times, and raw
// values computed by inverting the datasheet's arithmetic.
//
// It does not know the drivers that read these chips: chip and driver are written
// independently from the same datasheet, so that an error in one of them shows. It
// is for tests, the demonstration and the emulated boards. A gateway never uses it
// to read its sensors.
//
// # A new chip
//
// A chip is a type with Tx(w, r []byte) error, which sees the bytes between the
// address and the stop condition. The existing ones also have Set, which sets what
// the chip measures, and PowerCycle. LM75 is the smallest; Table is a chip of 256
// plain registers.
//
// # Faults
//
// A Bus can fail the next transactions (FailNext, FailAfter), lose a share of them
// (NACK), delay them (Hang), have its clock held low (HoldLow), and lose a chip
// (Detach). Chips with checksums can send wrong ones; chips that do not answer while
// they measure can be made slow. After PowerCycle a chip has lost everything that
// was written to it, as after it was re-plugged.
//
// # Datasheets
//
//   - BME280: Bosch Sensortec BST-BME280-DS002-15, revision 1.6, September 2018
//   - BMP280: Bosch Sensortec BST-BMP280-DS001-23, revision 1.23, November 2020
//   - INA219: Texas Instruments SBOS448G, August 2008, revised December 2015
//   - SHT3x: Sensirion "Datasheet SHT3x-DIS", version 5, May 2018; SHT4x:
//     Sensirion "SHT4x", version 6
//   - INA226: SBOS547B, September 2024; TMP102: SBOS397H, December 2018; TMP117:
//     SNOSD82D, September 2022; ADS1115: SBAS444E, December 2024
//   - LM75: NXP LM75B product data sheet, revision 6.1, February 2015; the
//     9-bit LM75 and the 12-bit TMP75 keep the same register layout
package i2csim
