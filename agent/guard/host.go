package guard

import (
	"fmt"
	"time"
)

// Trouble is something of the computer that is scarce.
type Trouble struct {
	Of     string // memory, cpu, disk_space, temperature or supply
	Level  Level  // not Fine
	Detail string // for people
}

// Kinds are what is watched, in the order in which it is told.
var Kinds = [...]string{"memory", "cpu", "disk_space", "temperature", "supply"}

// Worst is the level of the worst trouble of a kind.
func Worst(troubles []Trouble, of string) (worst Level) {
	for _, t := range troubles {
		if t.Of == of {
			worst = max(worst, t.Level)
		}
	}
	return worst
}

// Figures are how the computer is at one moment.
type Figures struct {
	CPU    float64 // percent of all cores; NaN = unknown
	Disks  []Disk
	Heat   Heat
	Supply string // what is wrong with the supply, as the kernel tells; empty = nothing
}

// Disk is how full a file system is.
type Disk struct {
	Path    string
	Percent float64
}

// Heat is the hottest part of the computer, measured by what each may have.
type Heat struct {
	Part    string
	Celsius float64 // NaN = none is known
	Most    float64 // what it may have
}

const (
	cpuHigh  = 80              // percent
	cpuAfter = 5 * time.Minute // a reload or a training is shorter, or should be seen

	diskHigh, diskCritical = 80, 95 // percent

	heatBack = 5 // percent of what the part may have
)

// Host watches all but memory. The zero value has not looked yet. It is not safe for
// concurrent use.
type Host struct {
	cpu, heat, supply Line
	disks             map[string]*Line
}

// Look takes the figures of a moment. It returns what is in trouble now, and what to log:
// each trouble that is new or another one, and, with the level Fine, each that is over.
func (h *Host) Look(now time.Time, f Figures) (troubles, said []Trouble) {
	tell := func(l *Line, v float64, of, detail string) {
		level, changed := l.Look(now, v)
		t := Trouble{of, level, detail}
		if level != Fine {
			troubles = append(troubles, t)
		}
		if changed {
			said = append(said, t)
		}
	}
	h.cpu.High, h.cpu.Back, h.cpu.After = cpuHigh, 10, cpuAfter
	tell(&h.cpu, f.CPU, Kinds[1], fmt.Sprintf("the CPU is %.0f %% busy", f.CPU))
	if h.disks == nil {
		h.disks = map[string]*Line{}
	}
	for _, d := range f.Disks {
		l := h.disks[d.Path]
		if l == nil {
			l = &Line{High: diskHigh, Critical: diskCritical, Back: 2}
			h.disks[d.Path] = l
		}
		tell(l, d.Percent, Kinds[2], fmt.Sprintf("%s is on a file system that is %.0f %% full", d.Path, d.Percent))
	}
	h.heat.High, h.heat.Back = 100, heatBack
	tell(&h.heat, 100*f.Heat.Celsius/f.Heat.Most, Kinds[3], fmt.Sprintf("%s has %.0f °C, of %.0f °C", f.Heat.Part, f.Heat.Celsius, f.Heat.Most))
	h.supply.High = 1
	bad := 0.0
	if f.Supply != "" {
		bad = 1
	}
	tell(&h.supply, bad, Kinds[4], f.Supply)
	return troubles, said
}
