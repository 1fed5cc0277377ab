// Command telegraf reads Modbus devices with Telegraf's Modbus input as it comes. It is
// started by scripts/liars; it is a module of its own so that the program needs none of
// Telegraf's modules.
//
// Each line of standard input is an order in JSON: to open a device, or to read it. Each
// is answered by a line: a list of numbers, null where there is none.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/inputs/modbus"
	"github.com/influxdata/toml"
)

// order is one of scripts/liars' orders.
type order struct {
	Read    bool    `json:"read"`
	Addr    string  `json:"addr"`
	RTU     bool    `json:"rtu"`
	Timeout float64 `json:"timeout"`
	Regs    []reg   `json:"regs"`
}

type reg struct {
	Name  string `json:"name"`
	Input bool   `json:"input"`
	At    int    `json:"at"`
	N     int    `json:"n"`
}

func main() {
	var (
		plugin *modbus.Modbus
		regs   []reg
	)
	lines, out := bufio.NewScanner(os.Stdin), json.NewEncoder(os.Stdout)
	for lines.Scan() {
		var o order
		err := json.Unmarshal(lines.Bytes(), &o)
		values := []any{}
		switch {
		case err == nil && o.Read:
			values = read(plugin, regs)
		case err == nil:
			regs = o.Regs
			plugin, err = open(o)
		}
		if err == nil {
			err = out.Encode(values)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// open configures the input as a user would, and lets it check that.
func open(o order) (*modbus.Modbus, error) {
	mode, tables := "TCP", map[bool][]string{}
	if o.RTU {
		mode = "RTUoverTCP"
	}
	for _, r := range o.Regs {
		order, kind, at := "AB", "UINT16", fmt.Sprint(r.At)
		if r.N == 2 {
			order, kind, at = "ABCD", "UINT32", fmt.Sprintf("%d, %d", r.At, r.At+1)
		}
		tables[r.Input] = append(tables[r.Input], fmt.Sprintf(`{name = %q, byte_order = %q, data_type = %q, scale = 1.0, address = [%s]}`, r.Name, order, kind, at))
	}
	text := fmt.Sprintf("name = \"device\"\ncontroller = \"tcp://%s\"\ntransmission_mode = %q\ntimeout = \"%dms\"\nslave_id = 7\nholding_registers = [%s]\ninput_registers = [%s]\n",
		o.Addr, mode, int(1000*o.Timeout), strings.Join(tables[false], ","), strings.Join(tables[true], ","))
	plugin := inputs.Inputs["modbus"]().(*modbus.Modbus)
	if err := toml.Unmarshal([]byte(text), plugin); err != nil {
		return nil, fmt.Errorf("%s: %w", text, err)
	}
	plugin.Log = silence{}
	return plugin, plugin.Init()
}

// read gathers once.
func read(plugin *modbus.Modbus, regs []reg) []any {
	got := accumulator{fields: map[string]any{}}
	_ = plugin.Gather(&got) // Telegraf logs the error and goes on
	values := make([]any, len(regs))
	for i, r := range regs {
		values[i] = got.fields[r.Name] // nil if there is none
	}
	return values
}

// accumulator keeps the fields of the metrics.
type accumulator struct {
	telegraf.Accumulator
	fields map[string]any
}

// AddMetric keeps the fields of a metric.
func (a *accumulator) AddMetric(m telegraf.Metric) {
	for _, f := range m.FieldList() {
		a.fields[f.Key] = f.Value
	}
}

// AddFields keeps fields.
func (a *accumulator) AddFields(_ string, fields map[string]any, _ map[string]string, _ ...time.Time) {
	for k, v := range fields {
		a.fields[k] = v
	}
}

// AddError drops an error, which Telegraf would log.
func (a *accumulator) AddError(error) {}
