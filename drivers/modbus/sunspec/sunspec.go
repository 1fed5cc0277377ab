package sunspec

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Bases are the registers at which a map may begin, in the order in which they are
// tried.
var Bases = []uint16{40000, 50000, 0}

const (
	marker    = 0x53756e53 // "SunS"
	endOfMap  = 0xFFFF
	common    = 1
	headLen   = 2   // id and length
	maxModels = 100 // a real device has up to about 30
)

// Model is one model of a device. Its first register, At, holds its id.
type Model struct {
	ID     int
	At     int
	Length int // registers behind id and length
}

// Name says what the model describes; empty for one that is not known here.
func (m Model) Name() string { return names[m.ID] }

// names are of the models that are met most often.
var names = map[int]string{
	1: "common", 101: "inverter, single-phase", 102: "inverter, split-phase", 103: "inverter, three-phase",
	111: "inverter, single-phase, float", 112: "inverter, split-phase, float", 113: "inverter, three-phase, float",
	120: "nameplate", 121: "basic settings", 122: "measurements and status", 123: "immediate controls", 124: "storage", 160: "multiple MPPT",
	201: "meter, single-phase", 202: "meter, split-phase", 203: "meter, three-phase wye", 204: "meter, three-phase delta",
	211: "meter, single-phase, float", 212: "meter, split-phase, float", 213: "meter, three-phase wye, float", 214: "meter, three-phase delta, float",
	302: "irradiance", 303: "back of module temperature", 307: "base meteorology", 401: "string combiner", 701: "AC measurement", 802: "battery",
}

// Map is what a device has. The texts are those of its common model.
type Map struct {
	Base                          int
	Models                        []Model
	Maker, Model, Version, Serial string
}

// Read gives n registers from at on, 2 bytes each.
type Read func(at, n uint16) ([]byte, error)

// Walk reads the map that begins at base. It is nil where there is none. An error
// is one of read or says what is wrong with the map; the models before it are in the
// map.
func Walk(base uint16, read Read) (*Map, error) {
	b, err := read(base, 2)
	if err != nil || len(b) < 4 || binary.BigEndian.Uint32(b) != marker {
		return nil, err
	}
	m := &Map{Base: int(base)}
	for at := int(base) + 2; ; {
		if at+headLen > 1<<16 {
			return m, fmt.Errorf("SunSpec map: a model at %d, outside the table", at)
		}
		b, err := read(uint16(at), headLen)
		if err != nil {
			return m, err
		}
		if len(b) < 2*headLen {
			return m, fmt.Errorf("SunSpec map: %d bytes at %d, want 4", len(b), at)
		}
		model := Model{ID: int(binary.BigEndian.Uint16(b)), Length: int(binary.BigEndian.Uint16(b[2:])), At: at}
		if model.ID == endOfMap {
			return m, nil
		}
		if len(m.Models) == maxModels {
			return m, fmt.Errorf("SunSpec map: more than %d models", maxModels)
		}
		m.Models = append(m.Models, model)
		if model.ID == common && m.Maker == "" {
			if err := m.readCommon(at, read); err != nil {
				return m, err
			}
		}
		at += headLen + model.Length
	}
}

// readCommon reads maker, model, version and serial number; they are texts of 16,
// 16, 8 and 16 registers, with 8 registers of options behind the model.
func (m *Map) readCommon(at int, read Read) error {
	const texts = 16 + 16 + 8 + 8 + 16
	if at+headLen+texts > 1<<16 {
		return fmt.Errorf("SunSpec map: the common model at %d is outside the table", at)
	}
	b, err := read(uint16(at+headLen), texts)
	if err != nil {
		return err
	}
	if len(b) < 2*texts {
		return fmt.Errorf("SunSpec map: %d bytes of the common model, want %d", len(b), 2*texts)
	}
	m.Maker, m.Model, m.Version, m.Serial = text(b[:32]), text(b[32:64]), text(b[80:96]), text(b[96:128])
	return nil
}

// text is a text without the zeros that fill it up, and without what a terminal
// might take for something else.
func text(b []byte) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, string(b)))
}
