package minisign

import (
	"encoding/binary"
	"math/bits"
)

// blake2b is BLAKE2b-512 without a key (RFC 7693). The library golang.org/x/crypto/blake2b
// has it in assembly, which costs 40 KiB of the binary; a model is hashed once, when it is
// brought. The tests compare the two.
func blake2b(data []byte) (sum [64]byte) {
	h := blake2bIV
	h[0] ^= 0x01010000 ^ 64
	for done := 0; ; {
		var block [128]byte
		n := copy(block[:], data[done:])
		done += n
		last := done == len(data)
		compress(&h, &block, uint64(done), last)
		if last {
			break
		}
	}
	for i, v := range h {
		binary.LittleEndian.PutUint64(sum[8*i:], v)
	}
	return sum
}

// blake2bIV is section 2.6.
var blake2bIV = [8]uint64{0x6a09e667f3bcc908, 0xbb67ae8584caa73b, 0x3c6ef372fe94f82b, 0xa54ff53a5f1d36f1,
	0x510e527fade682d1, 0x9b05688c2b3e6c1f, 0x1f83d9abfb41bd6b, 0x5be0cd19137e2179}

// sigma is section 2.7; rounds 10 and 11 are 0 and 1 again.
var sigma = [10]string{
	"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f",
	"\x0e\x0a\x04\x08\x09\x0f\x0d\x06\x01\x0c\x00\x02\x0b\x07\x05\x03",
	"\x0b\x08\x0c\x00\x05\x02\x0f\x0d\x0a\x0e\x03\x06\x07\x01\x09\x04",
	"\x07\x09\x03\x01\x0d\x0c\x0b\x0e\x02\x06\x05\x0a\x04\x00\x0f\x08",
	"\x09\x00\x05\x07\x02\x04\x0a\x0f\x0e\x01\x0b\x0c\x06\x08\x03\x0d",
	"\x02\x0c\x06\x0a\x00\x0b\x08\x03\x04\x0d\x07\x05\x0f\x0e\x01\x09",
	"\x0c\x05\x01\x0f\x0e\x0d\x04\x0a\x00\x07\x06\x03\x09\x02\x08\x0b",
	"\x0d\x0b\x07\x0e\x0c\x01\x03\x09\x05\x00\x0f\x04\x08\x06\x02\x0a",
	"\x06\x0f\x0e\x09\x0b\x03\x00\x08\x0c\x02\x0d\x07\x01\x04\x0a\x05",
	"\x0a\x02\x08\x04\x07\x06\x01\x05\x0f\x0b\x09\x0e\x03\x0c\x0d\x00"}

// compress is section 3.2: bytes is how many there were up to the end of the block.
func compress(h *[8]uint64, block *[128]byte, bytes uint64, last bool) {
	var m, v [16]uint64
	for i := range m {
		m[i] = binary.LittleEndian.Uint64(block[8*i:])
	}
	copy(v[:8], h[:])
	copy(v[8:], blake2bIV[:])
	v[12] ^= bytes
	if last {
		v[14] = ^v[14]
	}
	for r := range 12 {
		s := sigma[r%10]
		for i := range 8 { // four columns, then four diagonals
			a, b, c, d := i%4, 4+i%4, 8+i%4, 12+i%4
			if i >= 4 {
				b, c, d = 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4
			}
			v[a] += v[b] + m[s[2*i]]
			v[d] = bits.RotateLeft64(v[d]^v[a], -32)
			v[c] += v[d]
			v[b] = bits.RotateLeft64(v[b]^v[c], -24)
			v[a] += v[b] + m[s[2*i+1]]
			v[d] = bits.RotateLeft64(v[d]^v[a], -16)
			v[c] += v[d]
			v[b] = bits.RotateLeft64(v[b]^v[c], -63)
		}
	}
	for i := range h {
		h[i] ^= v[i] ^ v[i+8]
	}
}
