package commission

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/modbus/guess"
)

// ModbusForm is how a Modbus scan is printed. The zero value means every table, and
// a configuration to begin with.
type ModbusForm struct {
	YAML  bool // nothing but the configuration
	JSON  bool
	Brief bool // only lines with a plausible reading
	All   bool // every line
}

// modbusView is what is printed of a scan.
type modbusView struct {
	*ModbusScan
	ModbusForm
	runs   [][]uint16 // consecutive registers that were read
	starts []int      // index of each run's first
	pieces [][]guess.Piece
	order  modbus.Order
	bcd    bool    // every register holds decimal digits only
	ahead  float64 // how much better the order fits than any other, in bits
	out    strings.Builder
}

// Print writes what was found, as readings in every type and order and as a
// configuration to paste.
func (s *ModbusScan) Print(w io.Writer, f ModbusForm) error {
	v := s.view(f)
	if f.JSON {
		return json.NewEncoder(w).Encode(v.json())
	}
	if !f.YAML {
		v.head()
		if s.single {
			v.printf("The device gives only the first register of a request, and zeros for the others: each was read by itself. The agent finds that out too; join: false says it at once.\n\n")
		}
		if s.bits() {
			v.bitTable()
		} else {
			if v.Wide {
				v.refusals()
			} else {
				v.wordTable()
			}
			v.wideTable(2, "32 BITS", modbus.U32, modbus.I32, modbus.F32, modbus.BCD32, modbus.M10K32, modbus.S32, modbus.U24, modbus.I24)
			if !v.Wide {
				v.wideTable(3, "48 BITS", modbus.U48, modbus.I48, modbus.M10K48)
			}
			v.wideTable(4, "64 BITS", modbus.U64, modbus.I64, modbus.F64, modbus.M10K64)
			if !v.Wide {
				v.legend()
			}
			v.lookalikes()
		}
	}
	v.yaml()
	_, err := io.WriteString(w, v.out.String())
	return err
}

func (s *ModbusScan) view(f ModbusForm) *modbusView {
	v := &modbusView{ModbusScan: s, ModbusForm: f}
	for i, w := range s.words {
		if w.err != nil {
			continue
		}
		if i == 0 || s.words[i-1].err != nil {
			v.starts = append(v.starts, i)
			v.runs = append(v.runs, nil)
		}
		last := len(v.runs) - 1
		v.runs[last] = append(v.runs[last], w.value)
	}
	if !s.bits() && !s.Wide { // a map divides single registers
		v.pieces, v.order, v.ahead = guess.Map(v.runs)
		v.bcd = guess.Decimal(v.runs)
	}
	return v
}

func (v *modbusView) printf(format string, a ...any) { fmt.Fprintf(&v.out, format, a...) }

func (v *modbusView) head() {
	what, requests := "registers", "requests"
	if v.bits() {
		what = "bits"
	}
	if v.requests == 1 {
		requests = "request"
	}
	good := 0
	for _, r := range v.runs {
		good += len(r)
	}
	if v.Wide {
		good /= 2
	}
	v.printf("%s unit %d\n%v %d-%d: %d of %d %s in %d %s, %s\n", v.URL, v.Unit, v.table,
		v.first, v.first+v.Count-1, good, v.Count, what, v.requests, requests, ms(v.took))
	if v.ended != nil {
		v.printf("ended after %v %d: %v\n", v.table, v.wire(len(v.words)-1), v.ended)
	}
	if v.hasSunSpec() {
		v.printf("\"SunS\" begins a SunSpec map: scan modbus %s --unit %d shows its models\n", v.URL, v.Unit)
	}
	v.printf("\n")
}

// hasSunSpec tells whether the registers hold the marker of a SunSpec map.
func (v *modbusView) hasSunSpec() bool {
	for i := 1; i < len(v.words) && !v.bits(); i++ {
		if v.words[i-1].err == nil && v.words[i].err == nil && v.words[i-1].value == 0x5375 && v.words[i].value == 0x6e53 {
			return true
		}
	}
	return false
}

// wire is the address on the wire of the i-th word.
func (s *ModbusScan) wire(i int) int {
	if s.Wide {
		i /= 2
	}
	return s.first + i
}

// digit is the first digit of an address as manuals write it. It names the table.
func (v *modbusView) digit() int {
	return map[modbus.Table]int{modbus.Coil: 0, modbus.Discrete: 1, modbus.Holding: 4, modbus.Input: 3}[v.table]
}

// notation is an address as manuals write it: 40101.
func (v *modbusView) notation(wire int) string {
	if wire < 9999 {
		return fmt.Sprintf("%d%04d", v.digit(), wire+1)
	}
	return fmt.Sprintf("%d%05d", v.digit(), wire+1)
}

// places prints the address of one register in the three ways of counting.
func (v *modbusView) places(i int) {
	wire := v.wire(i)
	v.printf("%5d %6d %7s", wire, wire+1, v.notation(wire))
}

func (v *modbusView) wordTable() {
	v.printf("BASE0  BASE1   %dXXXX  HEX  TXT U8H U8L     U16     I16  U16 BA  I16 BA       F16\n", v.digit())
	for i := 0; i < len(v.words); i++ {
		if v.words[i].err != nil {
			i = v.refusal(i)
			continue
		}
		w := v.words[i].value
		rs := guess.Readings([]uint16{w})
		mark := func(t modbus.Type, o modbus.Order) string {
			for _, r := range rs {
				if r.Type == t && r.Order == o {
					return v.marked(i, r)
				}
			}
			return ""
		}
		if v.Brief && !v.worthy(i, rs) {
			continue
		}
		v.places(i)
		v.printf(" %04X  %s %4d %3d%8s%8s%8s%8s%10s\n", w, letters(w), w>>8, w&0xff,
			mark(modbus.U16, modbus.ABCD), mark(modbus.I16, modbus.ABCD), mark(modbus.U16, modbus.BADC), mark(modbus.I16, modbus.BADC), mark(modbus.F16, modbus.ABCD))
	}
	v.printf("\n")
}

// refusal prints one line for all registers from i on that failed in the same way,
// and returns the last of them.
func (v *modbusView) refusal(i int) int {
	end := i
	for end+1 < len(v.words) && v.words[end+1].err != nil && cause(v.words[end+1].err) == cause(v.words[i].err) {
		end++
	}
	if v.wire(end) == v.wire(i) {
		v.printf("%5d  %s\n", v.wire(i), cause(v.words[i].err))
	} else {
		v.printf("%5d-%d  %s\n", v.wire(i), v.wire(end), cause(v.words[i].err))
	}
	return end
}

// cause is the text of an error without the registers that it is about.
func cause(err error) string {
	var x *modbus.ExceptionError
	if errors.As(err, &x) {
		return x.Error()
	}
	return err.Error()
}

// inText reports whether n registers from i on lie within one text of the map.
func (v *modbusView) inText(i, n int) bool {
	for k, pieces := range v.pieces {
		for _, p := range pieces {
			if first := v.starts[k] + p.First; p.Kind == guess.Text && i >= first && i+n <= first+p.N {
				return true
			}
		}
	}
	return false
}

func (v *modbusView) worthy(i int, rs []guess.Reading) bool {
	for _, r := range rs {
		if strings.HasPrefix(v.marked(i, r), "*") || v.chosen(i, r) {
			return true
		}
	}
	return false
}

// chosen reports whether the map has this reading of the register.
func (v *modbusView) chosen(i int, r guess.Reading) bool {
	for k, pieces := range v.pieces {
		for _, p := range pieces {
			if p.Kind == guess.Number && v.starts[k]+p.First == i && p.Type == r.Type {
				return p.Order == r.Order || p.N == 1 && p.Order.SwapsBytes() == r.Order.SwapsBytes()
			}
		}
	}
	return false
}

// marked is the value of a reading, with > where the map has this reading, or * where
// it is plausible.
func (v *modbusView) marked(i int, r guess.Reading) string {
	s := number(r)
	switch {
	case v.chosen(i, r):
		return ">" + s
	case r.Type.Registers() == 1 && r.Order.SwapsBytes() && !v.order.SwapsBytes():
		return s // the registers beside it have another byte order
	case r.Plausible:
		return "*" + s
	}
	return s
}

// number writes whole numbers in full and others in at most 12 characters.
func number(r guess.Reading) string {
	if r.Value == math.Trunc(r.Value) && math.Abs(r.Value) < 1e11 {
		return strconv.FormatFloat(r.Value, 'f', 0, 64)
	}
	digits := map[modbus.Type]int{modbus.F16: 4, modbus.F32: 7}[r.Type]
	if digits == 0 {
		digits = 9
	}
	s := strconv.FormatFloat(r.Value, 'g', digits, 64)
	if r.Type == modbus.F16 && len(s) > 9 { // the column has ten characters, one of them a blank
		return strconv.FormatFloat(r.Value, 'g', 3, 64)
	}
	if strings.Contains(s, "e") {
		s = strconv.FormatFloat(r.Value, 'g', min(digits, 5), 64)
	}
	return s
}

// letters are the two bytes of a register as text.
func letters(w uint16) string {
	b := []byte{byte(w >> 8), byte(w)}
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '.'
		}
	}
	return string(b)
}

func (v *modbusView) bitTable() {
	v.printf("BASE0  BASE1   %dXXXX  bits from there on\n", v.digit())
	for i := 0; i < len(v.words); {
		if v.words[i].err != nil {
			i = v.refusal(i) + 1
			continue
		}
		v.places(i)
		v.printf(" ")
		for n := 0; n < 16 && i < len(v.words) && v.words[i].err == nil; n++ {
			v.printf(" %d", v.words[i].value)
			i++
		}
		v.printf("\n")
	}
	v.printf("\n")
}

func (v *modbusView) legend() {
	switch { // 19 of 20 wrong orders are ahead by less than 4: TestMap_random of package guess
	case v.ahead < 1:
		v.printf("Nothing here tells the byte order: %v is taken.", v.order)
	case v.ahead < 4:
		v.printf("Byte order %v fits, another hardly less.", v.order)
	default:
		v.printf("Byte order %v fits best.", v.order)
	}
	v.printf(" > is in the map below, * is plausible as well.\n")
	if v.bcd {
		v.printf("Every register holds decimal digits only: this may be BCD, bcd16 (the column HEX) or bcd32.\n")
	}
	if !v.All {
		v.printf("Left out: zeros, text, signed where it equals unsigned, 64 bits where none is\nplausible, rare types; --all shows them, --find looks into all of them.\n")
	}
	v.printf("\n")
}
