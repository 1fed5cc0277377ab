package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"strconv"
)

const hydraulicPlace = "archive.ics.uci.edu/static/public/447/condition+monitoring+of+hydraulic+systems.zip"

// hydraulicFiles are the sensors with one value a second, in the order of the
// channels.
var hydraulicFiles = []string{"TS1", "TS2", "TS3", "TS4", "VS1", "CE", "CP", "SE"}

// hydraulic converts the cycles, of 60 s each, in which the cooler works fully. A
// cycle is labelled if the valve does not open fully or the pump leaks.
func hydraulic(s *source) (map[string][]byte, error) {
	raw, err := s.get(hydraulicPlace)
	if err != nil {
		return nil, err
	}
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", hydraulicPlace, err)
	}
	profile, err := member(archive, "profile.txt", 5)
	if err != nil {
		return nil, err
	}
	var sensors [][][]string
	for _, name := range hydraulicFiles {
		m, err := member(archive, name+".txt", 60)
		if err != nil {
			return nil, err
		}
		if len(m) != len(profile) {
			return nil, fmt.Errorf("%s.txt: %d cycles, want %d", name, len(m), len(profile))
		}
		sensors = append(sensors, m)
	}
	var input, label bytes.Buffer
	input.WriteString("timestamp,temp1_c,temp2_c,temp3_c,temp4_c,vibration_mm_s,cooling_eff_pct,cooling_power_kw,efficiency_pct\n")
	label.WriteString("timestamp,label,eval,cooler,valve,pump_leak,accumulator_bar\n")
	rows := 0
	for cycle, state := range profile {
		if state[0] != "100" { // of the cooler
			continue
		}
		mark := "0"
		if state[1] != "100" || state[2] != "0" {
			mark = "1"
		}
		for second := range 60 {
			var cells []string
			for _, m := range sensors {
				cells = append(cells, m[cycle][second])
			}
			at := strconv.Itoa(rows)
			if err := line(&input, at, cells); err != nil {
				return nil, fmt.Errorf("cycle %d: %w", cycle+1, err)
			}
			if err := line(&label, at, append([]string{mark, judged(rows, 9000)}, state[:4]...)); err != nil {
				return nil, fmt.Errorf("profile.txt: cycle %d: %w", cycle+1, err)
			}
			rows++
		}
	}
	const name = "cooler100.csv"
	return map[string][]byte{"hydraulic/input/" + name: input.Bytes(), "hydraulic/labels/" + name: label.Bytes(),
		"hydraulic/protocol.json": protocol("hydraulic", 1, []protocolFile{{name: name, rows: rows, channels: 8, trainRows: 9000}})}, nil
}

// member reads one matrix of the archive.
func member(archive *zip.Reader, name string, width int) ([][]string, error) {
	f, err := archive.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, fetchMost))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return matrix(name, raw, width)
}
