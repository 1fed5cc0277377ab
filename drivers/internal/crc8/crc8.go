// Package crc8 holds the two 8-bit checksums that I²C sensors use. It does not know
// frames: the caller says which bytes are covered.
package crc8

// Sensirion is the checksum after each 16-bit word of a Sensirion sensor:
// polynomial 0x31, start 0xFF, not reflected (SHT3x-DIS datasheet version 5,
// §4.12). Sensirion(BEh, EFh) is 92h.
func Sensirion(b ...byte) byte { return sum(0x31, 0xFF, b) }

// PEC is the packet error code of SMBus (System Management Bus specification
// 3.2, §6.4.1.2): polynomial 0x07, start 0, over every byte of the message,
// including the address bytes with their direction bit.
func PEC(b ...byte) byte { return sum(0x07, 0, b) }

func sum(poly, crc byte, b []byte) byte {
	for _, v := range b {
		crc ^= v
		for range 8 {
			if crc&0x80 != 0 {
				crc = crc<<1 ^ poly
			} else {
				crc <<= 1
			}
		}
	}
	return crc
}
