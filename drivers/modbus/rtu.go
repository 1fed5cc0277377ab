package modbus

import "time"

// What MODBUS over Serial Line V1.02 says about bytes and time.

// charBits is the length of a character: start bit, 8 data bits, parity bit and
// stop bit, or two stop bits without parity; V1.02 §2.5.1. Many devices are set to
// 10 bits against the specification; for them every time below is a little long.
const charBits = 11

// fastBaud is the rate above which the silences have a fixed length; V1.02
// §2.5.1.1.
const fastBaud = 19_200

// charTime is how long one character takes on the wire.
func charTime(baud int) time.Duration { return charBits * time.Second / time.Duration(baud) }

// interFrame is t3.5: the shortest silence between two frames; V1.02 §2.5.1.1.
func interFrame(baud int) time.Duration {
	if baud > fastBaud {
		return 1750 * time.Microsecond
	}
	return charTime(baud) * 7 / 2
}

// crcTable holds the CRC of each byte, computed as V1.02 §6.2.2 describes.
var crcTable = func() (table [256]uint16) {
	for b := range table {
		crc := uint16(b)
		for range 8 {
			odd := crc&1 != 0
			if crc >>= 1; odd {
				crc ^= 0xA001 // x^16 + x^15 + x^2 + 1, reflected
			}
		}
		table[b] = crc
	}
	return table
}()

// crc16 is the checksum of an RTU frame; V1.02 §2.5.1.2. A frame ends with its low
// byte, then its high byte.
func crc16(b []byte) uint16 {
	crc := uint16(0xFFFF)
	for _, c := range b {
		crc = crc>>8 ^ crcTable[byte(crc)^c]
	}
	return crc
}
