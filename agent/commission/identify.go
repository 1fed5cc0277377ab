package commission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/devices"
	"iot-edge-anomaly/drivers/modbus"
	"iot-edge-anomaly/drivers/modbus/sunspec"
)

// ModbusIdentity is what a Modbus unit says that it is, and which templates fit.
type ModbusIdentity struct {
	URL     string
	Unit    uint8
	Says    modbus.Identification
	SaysNot error        // why it does not say what it is; nil = it does
	SunSpec *sunspec.Map // nil = it has none
	MapEnds error        // why the walk through the SunSpec map ended early; nil = it did not
	Fits    []TemplateFit

	requests int
	took     time.Duration
}

// TemplateFit is a template that a device may be.
type TemplateFit struct {
	Template *config.Template
	At       int    // register of a movable template's first; -1 = the template is not movable
	Why      string // what the device has that the template expects
	strength int    // the greater, the better the evidence
}

// How much evidence says. A guess by plausible values counts its registers.
const (
	byIdentity = 100
	bySunSpec  = 90
)

// identifier asks one unit.
type identifier struct {
	*ModbusIdentity
	ctx      context.Context
	buses    *devices.Buses
	bus      string
	line     *modbus.Line
	silences int // requests in a row without an answer
	answers  int // of any kind
}

// IdentifyModbus asks a unit what it is: by function 43/14, by the SunSpec map, and
// where that tells nothing by the registers that the templates name. It makes at
// most 50 requests a second. An error means that the unit never answered, and says
// what to try.
func IdentifyModbus(ctx context.Context, t ModbusTarget) (*ModbusIdentity, error) {
	t.Bus.Pause = max(t.Bus.Pause, scanPause)
	buses := devices.Open([]config.Bus{t.Bus}, devices.Host{})
	defer buses.Close()
	all, err := devices.Templates()
	if err != nil {
		return nil, err
	}
	i := &identifier{ModbusIdentity: &ModbusIdentity{URL: t.URL, Unit: t.Unit}, ctx: ctx, buses: buses, bus: t.Bus.Name, line: buses.Modbus(t.Bus.Name)}
	start := time.Now()
	err = i.run(all)
	i.took, i.requests = time.Since(start), int(i.line.Stats().Requests)
	if err != nil {
		if h := hint(t.URL, err); h != "" {
			err = fmt.Errorf("%w: %s", err, h)
		}
		return nil, fmt.Errorf("%s: %w", t.URL, err)
	}
	return i.ModbusIdentity, nil
}

// run asks in the order of what is told best. Its error is that of the last request,
// where none was answered.
func (i *identifier) run(all []*config.Template) error {
	i.Says, i.SaysNot = i.line.Identify(i.ctx, i.Unit)
	i.count(i.SaysNot)
	last := i.SaysNot
	if i.SaysNot == nil {
		for _, t := range all {
			i.byIdentity(t)
		}
	}
	for _, base := range sunspec.Bases {
		if i.SunSpec != nil || i.ended() {
			break
		}
		m, err := sunspec.Walk(base, i.read)
		if i.SunSpec = m; m != nil {
			i.MapEnds = err
		}
		last = cmp.Or(err, last)
	}
	if i.SunSpec != nil {
		for _, t := range all {
			i.bySunSpec(t)
		}
	}
	if len(i.Fits) == 0 && i.answers > 0 {
		for _, t := range all {
			if len(t.Identify.Registers) > 0 && !i.ended() {
				i.byRegisters(t)
			}
		}
	}
	sort.SliceStable(i.Fits, func(a, b int) bool { return i.Fits[a].strength > i.Fits[b].strength })
	if err := i.ctx.Err(); err != nil {
		return err
	}
	if i.answers == 0 {
		return last
	}
	return nil
}

// ended tells whether asking on makes no sense: the unit is dead, or the caller has
// gone.
func (i *identifier) ended() bool {
	return i.ctx.Err() != nil || i.silences >= maxSilences || i.answers == 0 && i.silences >= 2
}

// count notes how a request ended.
func (i *identifier) count(err error) {
	switch {
	case err == nil || refused(err):
		i.answers, i.silences = i.answers+1, 0
	default:
		i.silences++
	}
}

// read reads registers for the walk through a SunSpec map.
func (i *identifier) read(at, n uint16) ([]byte, error) {
	if i.ended() {
		return nil, errors.New("the unit has stopped answering")
	}
	b, err := i.line.Read(i.ctx, i.Unit, modbus.Holding, at, n)
	i.count(err)
	return b, err
}

// byIdentity notes a template whose vendor and product the unit names.
func (i *identifier) byIdentity(t *config.Template) {
	has := func(text, part string) bool {
		return strings.Contains(strings.ToLower(text), strings.ToLower(part))
	}
	if id := t.Identify; id.Vendor+id.Product != "" && has(i.Says.Vendor, id.Vendor) && has(i.Says.Product, id.Product) {
		i.fits(t, -1, byIdentity, "it says that it is "+strings.TrimSpace(i.Says.Vendor+" "+i.Says.Product))
	}
}

// bySunSpec notes a template of the first model in the map that has its registers.
func (i *identifier) bySunSpec(t *config.Template) {
	for _, m := range i.SunSpec.Models {
		if slices.Contains(t.Identify.SunSpec, m.ID) {
			i.fits(t, m.At, bySunSpec, fmt.Sprintf("SunSpec model %d is at holding:%d", m.ID, m.At))
			return
		}
	}
}

// byRegisters reads the registers by which a template is recognised, and notes the
// template where each holds what it expects.
func (i *identifier) byRegisters(t *config.Template) {
	probe := t.Sensor
	probe.Name, probe.Bus, probe.Unit, probe.Registers, probe.MaxGap = t.Name, i.bus, i.Unit, t.Identify.Registers, 0
	probe.Timeout, probe.Retries = 0, nil
	sensors, err := devices.Sensors(&config.Config{Sensors: []config.Sensor{probe}}, i.buses)
	if err != nil {
		return // a template that is checked makes a sensor
	}
	defer devices.CloseSensors(sensors)
	values := make([]float64, len(probe.Registers))
	err = sensors[0].Read(i.ctx, values)
	i.count(err)
	var why []string
	for k, r := range probe.Registers {
		v := values[k]
		if math.IsNaN(v) || r.Range != nil && (v < r.Range.Min || v > r.Range.Max) {
			return
		}
		text := fmt.Sprintf("%s reads %.6g", r.Name, v)
		if state := r.State(v); state != "" {
			text += " (" + state + ")"
		}
		why = append(why, text)
	}
	i.fits(t, -1, len(why), strings.Join(why, ", "))
}

func (i *identifier) fits(t *config.Template, at, strength int, why string) {
	i.Fits = append(i.Fits, TemplateFit{Template: t, At: at, Why: why, strength: strength})
}
