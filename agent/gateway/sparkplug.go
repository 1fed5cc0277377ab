package gateway

import (
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/mqtt"
	"iot-edge-anomaly/agent/report"
	"iot-edge-anomaly/agent/sparkplug"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
)

// edge is the gateway as an edge node of Sparkplug, with a connection of its own: the broker
// takes one will a connection, and the Client's is that of the status topic.
type edge struct {
	line *mqtt.Sideline
	node *sparkplug.Node
}

// newEdge makes the edge node of a configuration; nil = it is not wanted.
func (g *Gateway) newEdge(c config.MQTT) (*edge, error) {
	if !c.Sparkplug {
		return nil, nil
	}
	policy := telemetryPolicy(c.Telemetry)
	policy.Batch = 1 // hosts want each value when it is new
	numbers := &bdSeq{path: filepath.Join(g.cfg.State, "sparkplug.json"), log: g.log}
	n := sparkplug.New(sparkplug.Options{Group: groupOf(g.device, c), Node: g.device.Device, Version: g.opts.Build.Version, Policy: policy,
		Look: g.sparkplugPlant, BdSeq: numbers.next, Log: g.log})
	o := reach(c, g.device)
	o.ClientID, o.Dial, o.Logger = clientID(g.device, c.ClientID+"-sparkplug"), g.opts.dial, g.log
	o.Listen = []mqtt.Listener{{Topic: n.Commands(), Take: n.Take}}
	line, err := mqtt.NewSideline(o, "sparkplug", mqtt.Protocol{Ready: n.Ready, Will: n.Will, Serve: n.Serve})
	return &edge{line, n}, err
}

// groupOf is the Sparkplug group of a configuration.
func groupOf(d report.Device, c config.MQTT) string {
	if c.SparkplugGroup == "" {
		return d.Site
	}
	return c.SparkplugGroup
}

// stats are the counters, for the metrics; nil = there is no edge node.
func (e *edge) stats() *status.Sparkplug {
	if e == nil {
		return nil
	}
	return &status.Sparkplug{Line: e.line.Stats(), Node: e.node.Stats()}
}

// sparkplugPlant is the plant as hosts of Sparkplug see it.
func (g *Gateway) sparkplugPlant() sparkplug.Plant {
	p := g.currentPlant()
	out := sparkplug.Plant{Clock: Clock(), Machines: make([]sparkplug.Machine, len(p.units))}
	for i, u := range p.units {
		s := u.Status()
		out.Machines[i] = sparkplug.Machine{Name: s.Name, Channels: s.Channels, State: string(s.State),
			Open: g.reporter.CountOpen(&report.MachineStatus{Machine: s.Name, Channels: s.Channels}),
			Row:  report.Row{Time: s.RowTime, Score: s.Score, Values: s.Values, Quality: s.Quality}}
	}
	out.Open = g.reporter.CountOpen(nil)
	return out
}

// bdSeq numbers the connections of the edge node, over restarts: a host tells by it
// whether an NDEATH is that of an older connection. It is used by one goroutine.
type bdSeq struct {
	path string
	log  *slog.Logger
	read bool
	lost bool // it was said that the number is not kept
	last uint8
}

// bdSeqBytes bounds the file; more is damage.
const bdSeqBytes = 16

// next is the number of the next connection: 0, or one more than that before it, 0 after
// 255. What cannot be read begins anew.
func (n *bdSeq) next() uint8 {
	if !n.read {
		n.read, n.last = true, 255
		if b, err := state.ReadFile(n.path, bdSeqBytes); err == nil {
			if v, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 8); err == nil {
				n.last = uint8(v)
			}
		}
	}
	n.last++
	err := state.WriteFile(n.path, strconv.AppendUint(nil, uint64(n.last), 10), 0o600)
	if err != nil && !n.lost {
		n.log.Warn("sparkplug: the number of the connection is not kept", "error", err)
	}
	n.lost = err != nil
	return n.last
}
