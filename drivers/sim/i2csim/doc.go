// Package i2csim is an I²C bus that exists only in memory, with chips modelled
// at register level on it: pointer registers, auto-increment, power-on values,
// conversion times, and raw values that come out of the datasheet's own
// arithmetic run backwards.
//
// It does not know the drivers that read these chips: a chip and its driver are
// written from the same datasheet independently, so that an error in one of
// them shows. It is for tests, the demonstration and the emulated boards only
// and is never part of a gateway's own path.
//
// # Faults
//
// A Bus can fail the next transactions (FailNext, FailAfter), lose a share of
// them (NACK), hold them up (Hang), have its clock held low (HoldLow), and lose a
// chip (Detach). Chips with checksums can send wrong ones, those that do not
// answer while they measure can be made slow. A chip that comes
// back by Attach after PowerCycle has forgotten everything that was written to
// it, as after a re-plug.
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
