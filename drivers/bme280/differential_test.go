package bme280

import (
	"encoding/binary"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"
)

// exact evaluates the datasheet's double-precision formulas (§8.1) with 300
// bits, so that a difference is the driver's own rounding or its own mistake.
type exact struct{ *big.Float }

func num(v float64) exact { return exact{new(big.Float).SetPrec(300).SetFloat64(v)} }

func (a exact) add(b exact) exact { return exact{new(big.Float).SetPrec(300).Add(a.Float, b.Float)} }
func (a exact) sub(b exact) exact { return exact{new(big.Float).SetPrec(300).Sub(a.Float, b.Float)} }
func (a exact) mul(b exact) exact { return exact{new(big.Float).SetPrec(300).Mul(a.Float, b.Float)} }
func (a exact) div(b float64) exact {
	return exact{new(big.Float).SetPrec(300).Quo(a.Float, num(b).Float)}
}
func (a exact) f() float64 { f, _ := a.Float64(); return f }

// datasheet is §8.1 line by line, from the calibration's registers as they are
// on the wire. ok is false where the pressure's divisor is nearly zero: there
// no number of digits is enough.
func datasheet(calib, hum []byte, adcT, adcP, adcH uint32) (t, p, h float64, ok bool) {
	us := func(i int) exact { return num(float64(binary.LittleEndian.Uint16(calib[i:]))) }
	ss := func(i int) exact { return num(float64(int16(binary.LittleEndian.Uint16(calib[i:])))) }
	raw := num(float64(adcT))
	var1 := raw.div(16384).sub(us(0).div(1024)).mul(ss(2))
	var2 := raw.div(131072).sub(us(0).div(8192))
	var2 = var2.mul(var2).mul(ss(4))
	fine := var1.add(var2)

	var1 = fine.div(2).sub(num(64000))
	var2 = var1.mul(var1).mul(ss(16)).div(32768)
	var2 = var2.add(var1.mul(ss(14)).mul(num(2)))
	var2 = var2.div(4).add(ss(12).mul(num(65536)))
	var1 = ss(10).mul(var1).mul(var1).div(524288).add(ss(8).mul(var1)).div(524288)
	var1 = num(1).add(var1.div(32768)).mul(us(6))
	ok = math.Abs(var1.f()) > 1
	if ok {
		x := num(1048576).sub(num(float64(adcP)))
		x = x.sub(var2.div(4096)).mul(num(6250))
		x = exact{new(big.Float).SetPrec(300).Quo(x.Float, var1.Float)}
		var1 = ss(22).mul(x).mul(x).div(2147483648)
		var2 = x.mul(ss(20)).div(32768)
		p = x.add(var1.add(var2).add(ss(18)).div(16)).f()
	}

	h2 := num(float64(int16(uint16(hum[1])<<8 | uint16(hum[0]))))
	h4 := num(float64(int(int8(hum[3]))*16 + int(hum[4]&15)))
	h5 := num(float64(int(int8(hum[5]))*16 + int(hum[4]>>4)))
	h6 := num(float64(int8(hum[6])))
	v := fine.sub(num(76800))
	left := num(float64(adcH)).sub(h4.mul(num(64)).add(h5.div(16384).mul(v)))
	inner := num(1).add(num(float64(hum[2])).div(67108864).mul(v))
	right := num(1).add(h6.div(67108864).mul(v).mul(inner)).mul(h2.div(65536))
	vh := left.mul(right)
	vh = vh.mul(num(1).sub(num(float64(calib[25])).mul(vh).div(524288)))
	return fine.div(5120).f(), p, min(max(vh.f(), 0), 100), ok
}

// TestCompensate_differential runs the whole range of every coefficient and raw
// value, not only the likely one.
func TestCompensate_differential(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n := 50_000
	if testing.Short() {
		n = 2_000
	}
	var worst [3]float64
	compared := 0
	for range n {
		calib, hum := make([]byte, 26), make([]byte, 7)
		for _, b := range [][]byte{calib, hum} {
			for i := range b {
				b[i] = byte(rng.Uint32())
				if rng.IntN(8) == 0 {
					b[i] = []byte{0, 0x7F, 0x80, 0xFF}[rng.IntN(4)] // the ends
				}
			}
		}
		s := sample{t: rng.Uint32N(1 << 20), p: rng.Uint32N(1 << 20), h: rng.Uint32N(1 << 16)}
		wantT, wantP, wantH, ok := datasheet(calib, hum, s.t, s.p, s.h)
		var k trimming
		k.parseTP(calib)
		k.parseH(hum)
		dst := make([]float64, 3)
		if err := k.compensate(s, dst); err != nil || !ok {
			if ok {
				t.Fatalf("calibration % x % x, raw %+v: %v", calib, hum, s, err)
			}
			continue
		}
		compared++
		for i, want := range [3]float64{wantT, wantP, wantH} {
			worst[i] = max(worst[i], math.Abs(dst[i]-want)/max(1, math.Abs(want)))
		}
	}
	t.Logf("%d calibrations: worst relative differences %.1e °C, %.1e Pa, %.1e %%", compared, worst[0], worst[1], worst[2])
	if worst[0] > 1e-11 || worst[1] > 1e-7 || worst[2] > 1e-9 || compared < n*9/10 {
		t.Error("differs from the datasheet's formulas")
	}
}
