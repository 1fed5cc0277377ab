package config

// DriverInfo is what the configuration must know of a driver to check a sensor's
// keys and channel names. The agent fills it in from the drivers it was built
// with; this package imports none.
type DriverInfo struct {
	// Bus is the kind of bus a sensor of this driver is on: "i2c", "modbus",
	// "kernel" for what a driver of the kernel reads, "derived" for what is computed
	// from other sensors, "mqtt" for what others publish, or "" for none.
	Bus string

	// Channels are fixed by the chip. Nil means that the configuration lists
	// them: registers on a Modbus bus, a key of kind Channels or ByName, or
	// "channels".
	Channels []ChannelInfo

	// Addresses are those that the chip answers at, the factory's first; it is
	// used where the configuration names none. Nil means any address, and one
	// must be configured.
	Addresses []uint16

	// Keys are the driver's own, beyond those of its kind of bus: "shunt". Their
	// values are in Sensor.Own.
	Keys []Key

	// Check tells what is wrong with the driver's own keys together, once each of
	// them is right. It may set in Sensor.Own what depends on other keys. Nil =
	// nothing to check.
	Check func(*Sensor) []Fault

	// Types and Orders are those of Modbus registers, where Bus is "modbus".
	Types  []RegisterType
	Orders []ByteOrder

	// Templates are texts for ParseTemplate, by name, where Bus is "modbus".
	Templates map[string]string

	// List finds the channels where neither Channels nor the configuration names
	// them, such as the header of a recording. An error that is a *Fault names
	// the key at fault. May be nil.
	List func(Sensor) ([]ChannelInfo, error)

	// Channel tells the unit of a channel whose name is the kernel's and fixes
	// it, so that the configuration can be checked without the device. Nil
	// where Channels or List tells the channels.
	Channel func(name string) (ChannelInfo, error)

	// Refer finds the channels that a channel is computed from, where Bus is
	// "derived". channels are the full names of all that there are. A fault names
	// the key of the channel.
	Refer func(m Measurand, channels []string) ([]Reference, *Fault)
}

// ChannelInfo is one channel of a driver: its name within the sensor and its
// physical unit, empty where it is dimensionless or unknown.
type ChannelInfo struct{ Name, Unit string }

// RegisterType is a way to read Modbus registers as a number, as the driver has it.
type RegisterType struct {
	Name      string
	Registers int  // that it takes; of a coil or discrete input, bits
	Bits      int  // of the raw number: 1, 8, 16 …
	Whole     bool // only whole numbers, from Min to Max; others have no states
	Min, Max  int64
	Span      float64 // how far a counter of the type counts before it begins again; 0 = it does not
	Fields    bool    // a value may be some of the bits
	Clock     bool    // a date: its value is the difference from the gateway's clock
	Meant     string  // the type that manuals mostly mean by this name; empty = this one

	// Raw gives the raw bits of a number as people write it, for missing.
	Raw func(number string) (uint64, error)

	Aliases []string // what other programs call it
}

// ByteOrder is an order in which the bytes of a Modbus number are sent.
type ByteOrder struct {
	Name    string
	Bytes   int      // that the name is for; 0 = any
	Rare    bool     // it is taken, but not proposed
	Aliases []string // what other programs call it
}

// Kinds of bus: those that DriverInfo.Bus names, and what decides which keys a
// bus or sensor has.
const (
	busI2C     = "i2c"
	busModbus  = "modbus"
	busKernel  = "kernel"
	busDerived = "derived"
	busBroker  = "mqtt"
	busNone    = "none"      // DriverInfo.Bus is empty
	busHeard   = "listening" // Modbus with listen=true
)

// Values are what the configuration says of a driver's own keys, by name; defaults
// are filled in. Get reads them.
type Values map[string]any

// Get gives the value of a driver's own key, in the Go type of its kind; the zero
// value where the configuration does not have it. It panics where T is another
// type, which is a mistake of the driver's entry.
func Get[T any](vs Values, name string) (x T) {
	if v := vs[name]; v != nil {
		x = v.(T)
	}
	return x
}

// own collects the entries of a mapping that are a driver's own keys.
type own struct {
	rows    []Key
	others  map[string]string
	entries []entry
}

// take collects an entry, or reports one that is in no row. names are the other
// keys that the mapping may have.
func (o *own) take(e entry, names []string) {
	for _, k := range o.rows {
		if k.Name == e.name {
			o.entries = append(o.entries, e)
			return
		}
		names = append(names, k.Name)
	}
	e.unknown(o.others, names)
}

// read reads what was collected; why completes the message of a missing key. What
// the keys are together is not checked where one of them is wrong.
func (o *own) read(v value, why string) (vs Values, g given, ok bool) {
	vs, g, ok = Values{}, given{}, true
	for i := range o.rows {
		k := &o.rows[i]
		if x := k.fixed(); x != nil {
			vs[k.Name] = x
		}
		for _, e := range o.entries {
			if e.name == k.Name {
				e.value.key = k
				g[k.Name] = e.value
			}
		}
		if e, has := g[k.Name]; has {
			if x, good := e.readOwn(); good {
				vs[k.Name] = x
			} else {
				ok = false
			}
		} else if k.Need {
			ok = v.missing(k.Name, why)
		}
	}
	return vs, g, ok
}

// readOwn reads the value of a driver's own key, which has kinds that this
// package's own keys lack.
func (v value) readOwn() (any, bool) {
	switch v.key.Kind {
	case Mappings:
		return boxed(v.mappings())
	case Channels:
		return boxed(v.measurands())
	case ByName:
		return boxed(v.measurandsByName())
	}
	return v.read()
}

// mappings reads a list of mappings that are a driver's own.
func (v value) mappings() (out []Values, ok bool) {
	ok = true
	walked := v.list(func(_ int, e value) {
		entries, good := e.mapping()
		if good {
			o := own{rows: v.key.Keys, others: v.key.Others}
			for _, entry := range entries {
				o.take(entry, nil)
			}
			var vs Values
			var g given
			if vs, g, good = o.read(e, ""); good && v.key.Check != nil {
				good = e.tell(v.key.Check(vs), g)
			}
			out = append(out, vs)
		}
		ok = ok && good
	})
	return out, ok && walked && v.notEmpty()
}

// tell reports faults, each at its key in g where it is given, and tells whether
// the value can be used.
func (v value) tell(fs []Fault, g given) bool {
	ok := true
	for _, f := range fs {
		at := v
		if key, has := g[f.Key]; has {
			at = key
		}
		if f.Warning {
			at.warn(f.Hint, "%s", f.Message)
		} else {
			ok = at.fail(f.Hint, "%s", f.Message)
		}
	}
	return ok
}
