package modbus

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"time"
)

// hubbub is what a listener hears of a line, with what is true about it. Its time
// is virtual.
type hubbub struct {
	*rand.Rand
	char  time.Duration
	gap   time.Duration
	now   time.Duration
	heard []byteAt
	jolts bool           // the line makes a byte or two whenever it turns round
	truth map[string]int // exchanges that happened and were not used yet
	valid int            // of them those that a listener can understand
	seq   uint32
}

type byteAt struct {
	b  byte
	at time.Duration
}

func newHubbub(seed uint64, baud int) *hubbub {
	return &hubbub{Rand: rand.New(rand.NewPCG(seed, 1)), char: charTime(baud), gap: interFrame(baud), now: time.Second, truth: map[string]int{}}
}

// put sends bytes.
func (w *hubbub) put(b []byte) {
	for _, c := range b {
		w.now += w.char
		w.heard = append(w.heard, byteAt{c, w.now})
	}
}

func (w *hubbub) rest(least, most time.Duration) { w.now += w.gap + least + w.upTo(most-least) }

func (w *hubbub) upTo(d time.Duration) time.Duration { return time.Duration(w.Int64N(int64(d) + 1)) }

// request is one of few, so that many have answers of one size.
func (w *hubbub) request() []byte {
	t := Table(1 + w.IntN(4))
	at, n := w.IntN(4)*256+w.IntN(8), 1+w.IntN(3)
	if w.IntN(2) == 0 {
		t, n = Holding, 4
	}
	if t.bits() && w.IntN(2) == 0 {
		at, n = 0x300+w.IntN(256), 17+w.IntN(8) // looks like its answer
	}
	if w.IntN(30) == 0 {
		n = t.limit(2) - 1
	}
	return appendCRC([]byte{byte(1 + w.IntN(2)), byte(t), byte(at >> 8), byte(at), byte(n >> 8), byte(n)})
}

// answer is what a device says to a request at this moment: never the same
// twice, nor at another address.
func (w *hubbub) answer(req []byte) []byte {
	n := dataLen(req[1:], 2)
	b := append(bytes.Clone(req[:2]), byte(n))
	w.seq++
	r := rand.New(rand.NewPCG(uint64(w.seq), uint64(binary.BigEndian.Uint32(req))))
	for range n {
		b = append(b, byte(r.Uint32()))
	}
	if n == 3 && w.IntN(2) == 0 {
		b[4], b[5] = 0, 20 // a sane quantity where a request has it
	}
	b = appendCRC(b)
	w.truth[name(req, b[3:3+n])]++
	return b
}

func name(req, data []byte) string { return fmt.Sprintf("% x = % x", req[:6], data) }

// exchange is one that nothing disturbs.
func (w *hubbub) exchange() {
	req := w.request()
	w.put(req)
	if w.jolts {
		w.put(w.random(1 + w.IntN(2)))
	}
	w.rest(0, 30*time.Millisecond)
	w.put(w.answer(req))
	w.valid++
}

// hurt changes one to four bytes in a row, so that the checksum shows it: of
// longer bursts it misses one in 65,536, and nobody can tell.
func (w *hubbub) hurt(b []byte) []byte {
	for b = bytes.Clone(b); whole(b, len(b)); {
		at := w.IntN(len(b))
		for i := range b[at:min(len(b), at+1+w.IntN(4))] {
			b[at+i] ^= byte(1 + w.IntN(255))
		}
	}
	return b
}

func (w *hubbub) random(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(w.Uint32())
	}
	return b
}

const wireTimeout = 200 * time.Millisecond

// trouble is one thing that happens on real lines.
func (w *hubbub) trouble() {
	req := w.request()
	switch w.IntN(12) {
	case 0: // nobody there
		w.put(req)
		w.now += wireTimeout
	case 1: // late, to the next request or a repeated one
		w.late(req)
	case 2: // the request is hurt: no answer
		w.put(w.hurt(req))
		w.now += wireTimeout
	case 3: // the answer is hurt, and so is the truth
		w.put(req)
		w.rest(0, 30*time.Millisecond)
		w.put(w.hurt(w.answer(req)))
	case 4: // the request is hurt on its way to us only
		w.put(w.hurt(req))
		w.rest(0, 30*time.Millisecond)
		w.put(w.answer(req))
	case 5: // the answer breaks off
		w.put(req)
		w.rest(0, 30*time.Millisecond)
		a := w.answer(req)
		w.put(a[:1+w.IntN(len(a)-1)])
		w.now += wireTimeout
	case 6:
		w.put(w.random(1 + w.IntN(40)))
	case 7: // noise between the two
		w.put(req)
		w.put(w.random(1 + w.IntN(10)))
		w.put(w.answer(req))
	case 8: // a refusal
		w.put(req)
		w.rest(0, 30*time.Millisecond)
		w.put(appendCRC([]byte{req[0], req[1] | 0x80, byte(1 + w.IntN(4))}))
	case 9: // a function of somebody's own
		w.put(appendCRC(append([]byte{byte(1 + w.IntN(2)), byte(65 + w.IntN(8))}, w.random(w.IntN(40))...)))
	case 10: // a write and its answer
		one := appendCRC([]byte{req[0], 6, 0, 1, 0, byte(w.IntN(256))})
		w.put(one)
		w.rest(0, 30*time.Millisecond)
		w.put(one)
	case 11: // several written
		w.put(appendCRC([]byte{req[0], 16, 3, 0, 0, 2, 4, 0, 20, 0, byte(w.IntN(256))}))
		w.rest(0, 30*time.Millisecond)
		w.put(appendCRC([]byte{req[0], 16, 3, 0, 0, 2}))
	}
}

// late is an answer after the master gave up. It may collide with the next
// request; the unit may have heard that one or not.
func (w *hubbub) late(req []byte) {
	w.put(req)
	w.now += wireTimeout
	next := req
	if w.IntN(2) == 0 {
		next = w.request()
		next[0] = req[0]
		next = appendCRC(next[:6])
	}
	if w.IntN(4) == 0 {
		both := bytes.Clone(next)
		for i, c := range w.answer(req) {
			if i < len(both) {
				both[i] ^= c
			} else {
				both = append(both, c)
			}
		}
		w.put(both)
		return
	}
	w.put(next)
	w.rest(0, 60*time.Millisecond)
	w.put(w.answer(req))
	if w.IntN(2) == 0 {
		w.rest(0, 30*time.Millisecond)
		w.put(w.answer(next))
	}
}

// play lets an overhearing hear it all as an adapter hands it over: latency 0
// is a UART, 16 ms a USB adapter, more a busy host. It returns what was
// understood, and fails on anything that is not true.
func (w *hubbub) play(t testing.TB, o *overhearing, latency time.Duration) (wrong int) {
	t.Helper()
	o.emit = func(x exchange) {
		req := []byte{x.unit, byte(x.table), byte(x.at >> 8), byte(x.at), byte(x.n >> 8), byte(x.n)}
		key := name(req, x.data)
		if w.truth[key]--; w.truth[key] < 0 {
			wrong++
			t.Errorf("never happened: %.80s", key)
		}
	}
	before := w.heard[0].at - o.pause()
	for i := 0; i < len(w.heard); {
		begin := w.heard[i].at
		for before+o.pause()+latency < begin {
			o.idle(before)
			before += o.pause()
		}
		wait := latency
		if latency > 0 {
			wait = latency/2 + w.upTo(latency)
		}
		n := i
		for n < len(w.heard) && w.heard[n].at <= begin+wait && n-i < 500 {
			n++
		}
		chunk := make([]byte, n-i)
		for k := range chunk {
			chunk[k] = w.heard[i+k].b
		}
		looked := before
		before = max(before, begin+wait)
		o.feed(looked, before, chunk)
		i = n
	}
	o.idle(before)
	return wrong
}

// Whatever happens on the line, nothing is believed that did not happen, and
// what was not disturbed is understood.
func TestOverhearing(t *testing.T) {
	steps := long(20_000, 50)
	for _, c := range []struct {
		baud     int
		latency  time.Duration
		troubles int // in 1,000 steps
		jolts    bool
		share    float64
	}{
		{9600, 0, 0, false, 0.999}, {115200, 16 * time.Millisecond, 0, false, 0.999},
		{9600, 0, 10, false, 0.99}, {19200, 16 * time.Millisecond, 10, false, 0.99}, {115200, 2 * time.Millisecond, 10, false, 0.99},
		{9600, 0, 40, false, 0.99}, {115200, 16 * time.Millisecond, 40, false, 0.99},
		{9600, 0, 300, false, 0}, {19200, 16 * time.Millisecond, 300, false, 0}, {115200, 150 * time.Millisecond, 300, false, 0},
		{9600, 0, 0, true, 0.85}, // where an eighth look like their requests
		{19200, 16 * time.Millisecond, 300, true, 0},
	} {
		w := newHubbub(uint64(c.baud+c.troubles), c.baud)
		w.jolts = c.jolts
		for range steps {
			if w.IntN(1000) < c.troubles {
				w.trouble()
			} else {
				w.exchange()
			}
			w.rest(0, w.upTo(50*time.Millisecond))
		}
		o := newOverhearing(c.baud, 500*time.Millisecond, nil)
		w.play(t, o, c.latency)
		s := o.stats
		share := float64(s.Exchanges) / float64(w.valid)
		t.Logf("%6d baud, %3v late, %2d %% trouble: %d of %d exchanges (%.2f %%), %.2f %% of bytes; %+v",
			c.baud, c.latency, c.troubles/10, s.Exchanges, w.valid, 100*share, 100*s.Share(), s)
		if share < c.share {
			t.Errorf("understood %.4f, want %v", share, c.share)
		}
		if s.Bytes != int64(len(w.heard)) {
			t.Errorf("%d bytes accounted for, %d heard", s.Bytes, len(w.heard))
		}
	}
}

// Frames whose bytes end a frame a byte earlier too, as one in 256 does, are
// cut where they end: byte by byte as from a UART.
func TestOverhearing_longer(t *testing.T) {
	found := 0
	for v := uint32(0); found < 20; v++ {
		ans := appendCRC(binary.BigEndian.AppendUint32([]byte{7, 3, 4}, v))
		if !whole(ans, 8) {
			continue
		}
		found++
		n := 0
		o := newOverhearing(9600, time.Second, func(x exchange) {
			if n++; x.unit != 7 || x.at != 100 || x.n != 2 || !bytes.Equal(x.data, ans[3:7]) {
				t.Errorf("%+v, want % x", x, ans[3:7])
			}
		})
		now := time.Second
		for _, c := range append(appendCRC([]byte{7, 3, 0, 100, 0, 2}), ans...) {
			now += o.char
			o.feed(now, now, []byte{c})
		}
		if o.idle(now); n != 1 {
			t.Errorf("% x: %d exchanges", ans, n)
		}
	}
}

// What must be left alone, each with the reason; hex of frames without their
// checksums, "!" is noise, "~" a pause of 200 ms.
func TestOverhearing_doubt(t *testing.T) {
	const askA, ansA = "070300000002", "070304000A000A"
	const askB, ansB = "070300100002", "070304000B000B"
	for _, c := range []struct {
		name, heard string
		want        string
	}{
		{"a pair", askA + " " + ansA, "0"},
		{"two pairs", askA + " " + ansA + " " + askB + " " + ansB, "0 16"},
		{"an answer alone", ansA, ""},
		{"noise between", askA + " !FCFCFC " + ansA, ""},
		{"the line turns round", askA + " !FC00 " + ansA, "0"},
		{"and an answer that may be a question", askA + " " + ansA + " 070103000011 !FC 070103200011", "0"},
		{"twice", askA + " !FC " + askB + " !00 " + ansA, ""},
		{"and an answer too late for it", askA + " !FC ~ " + ansA, ""},
		{"and then a frame", askA + " !FC 090600010002 " + ansA, ""},
		{"and a refusal hurt", askA + " !0783 " + ansA, ""},
		{"a frame between", askA + " 090600010002 " + ansA, ""},
		{"an answer of another unit", askA + " 080304000A000A", ""},
		{"of another function", askA + " 070404000A000A", ""},
		{"of another size", askA + " 070302000A", ""},
		{"asked twice", askA + " " + askA + " " + ansA, "0"},
		{"late, or not", askA + " " + askB + " " + ansA, ""},
		{"late, then in step", askA + " " + askB + " " + ansA + " " + ansB, ""},
		{"late, then the first again", askA + " " + askB + " " + ansA + " " + askA + " " + ansB, ""},
		{"two answers", askB + " " + ansA + " " + ansB, ""},
		{"two answers, the second hurt", askB + " " + ansA + " !070304", ""},
		{"late, but another size came since", askA + " 070300200001 0703020001 " + askB + " " + ansB, "32 16"},
		{"hurt, thus not late", askA + " !07030400 " + askB + " " + ansB, "16"},
		{"refused", askA + " 078302 " + askB + " " + ansB, "16"},
		{"a late refusal", askA + " " + askB + " 078302 " + askA + " " + ansB, ""},
		{"coils that look like their request", "07010300 0012 070103000011 " + askA + " " + ansA, "0"},
		{"and after a frame that is clear", askA + " " + ansA + " 070103000012 070103000011 " + askB + " " + ansB, "0 768 16"},
		{"an answer equal to its request, then another question", askA + " " + ansA + " 070103000011 070103000011 070103200011", "0"},
		{"quantity 0", "070300000000 070300", ""},
		{"beyond the last address", "0703FFFF0002 " + ansA, ""},
		{"a broadcast is no question", "000300000002 000304000A000A", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			o := newOverhearing(19200, 500*time.Millisecond, func(x exchange) { got = append(got, strconv.Itoa(x.at)) })
			now := time.Second
			o.idle(now)
			for _, f := range strings.Fields(strings.ReplaceAll(c.heard, "0300 0012", "03000012")) {
				now += 10 * time.Millisecond
				if f == "~" {
					now += 200 * time.Millisecond
					continue
				}
				noise, isNoise := strings.CutPrefix(f, "!")
				b, err := hex.DecodeString(strings.TrimPrefix(f, "!"))
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case isNoise && noise == "":
					b = []byte{0xFF}
				case !isNoise:
					b = appendCRC(b)
				}
				o.feed(now, now, b)
			}
			o.idle(now)
			if s := strings.Join(got, " "); s != c.want {
				t.Errorf("believed %q, want %q; %+v", s, c.want, o.stats)
			}
		})
	}
}

// An answer that begins after the timeout is not believed.
func TestOverhearing_window(t *testing.T) {
	for _, after := range []time.Duration{0, 490 * time.Millisecond, 520 * time.Millisecond} {
		n := 0
		o := newOverhearing(19200, 500*time.Millisecond, func(exchange) { n++ })
		o.idle(time.Second)
		o.feed(time.Second, time.Second, appendCRC([]byte{7, 3, 0, 0, 0, 1}))
		o.idle(time.Second)
		o.feed(time.Second+after, time.Second+after, appendCRC([]byte{7, 3, 2, 0, 1}))
		if o.idle(time.Second + after); (n == 1) != (after < 500*time.Millisecond) {
			t.Errorf("after %v: %d exchanges", after, n)
		}
	}
}

func TestOverhearing_allocations(t *testing.T) {
	w := newHubbub(1, 19200)
	for range 50 {
		w.exchange()
		w.trouble()
	}
	all := make([]byte, len(w.heard))
	for i, h := range w.heard {
		all[i] = h.b
	}
	o := newOverhearing(19200, time.Second, func(exchange) {})
	now := time.Second
	if n := testing.AllocsPerRun(100, func() {
		for b := all; len(b) > 0; b = b[min(len(b), 60):] {
			now += 40 * time.Millisecond
			o.feed(now, now, b[:min(len(b), 60)])
		}
		now += time.Second
		o.idle(now)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzOverhearing plays a line made from a seed, and bytes of the fuzzer's own
// with their checksums right or wrong. Whatever was believed stood on the line,
// the answer right behind its request.
func FuzzOverhearing(f *testing.F) {
	f.Add(uint64(1), []byte{8, 7, 3, 0, 0, 0, 2, 9, 7, 3, 4, 0, 1, 0, 2})
	f.Add(uint64(2), []byte{8, 7, 1, 3, 0, 0, 18, 8, 7, 1, 3, 0, 0, 18, 3, 1, 2})
	f.Add(uint64(3), []byte{5, 7, 0x83, 2, 13, 7, 16, 0, 0, 0, 2, 4, 1, 2, 3, 4, 8, 7, 16, 0, 0, 0, 2})
	f.Fuzz(func(t *testing.T, seed uint64, raw []byte) {
		w := newHubbub(seed, 19200)
		for range 30 {
			if w.IntN(3) == 0 {
				w.trouble()
			} else {
				w.exchange()
			}
			w.rest(0, 20*time.Millisecond)
		}
		w.play(t, newOverhearing(19200, 500*time.Millisecond, nil), time.Duration(seed%3)*16*time.Millisecond)
		fuzzFrames(t, raw)
	})
}

// fuzzFrames feeds frames whose lengths stand before them.
func fuzzFrames(t *testing.T, raw []byte) {
	var line []byte
	o := newOverhearing(19200, 500*time.Millisecond, func(x exchange) {
		req := appendCRC([]byte{x.unit, byte(x.table), byte(x.at >> 8), byte(x.at), byte(x.n >> 8), byte(x.n)})
		ans := appendCRC(append([]byte{x.unit, byte(x.table), byte(len(x.data))}, x.data...))
		if !bytes.Contains(line, append(req, ans...)) {
			t.Errorf("never heard: % x % x", req, ans)
		}
	})
	now := time.Second
	for len(raw) > 0 {
		n := min(int(raw[0]), len(raw)-1)
		frame := appendCRC(bytes.Clone(raw[1 : 1+n]))
		if raw[0]%16 == 15 {
			frame[len(frame)-1]++
		}
		now += time.Duration(raw[0]) * time.Millisecond
		raw = raw[1+n:]
		line = append(line, frame...)
		o.feed(now, now, frame)
	}
	o.idle(now)
	if o.stats.Bytes != int64(len(line)) || o.waiting() || o.stats.Understood > o.stats.Bytes {
		t.Errorf("%d bytes on the line, %+v, waiting %v", len(line), o.stats, o.waiting())
	}
}
