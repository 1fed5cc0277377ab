package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The commits of the originals.
const (
	skabCommit = "b2c0d46c2971dcbfe71e26087b6d231998bb91c2"
	tepCommit  = "0643318858ce7c87292bd59820b459e12a13d009"
	nabCommit  = "ea702d75cc2258d9d7dd35ca8e5e2539d71f3140"
)

const skabChannels = "timestamp,accel1_rms_g,accel2_rms_g,current_a,pressure_bar,motor_temp_c,fluid_temp_c,voltage_v,flow_lpm\n"

// skabFiles are the files in use, of 34, by folder of the original.
var skabFiles = []struct {
	folder  string
	numbers []int
}{{"other", []int{1, 11, 13, 3, 5, 7, 9}}, {"valve1", []int{0, 10, 12, 14, 2, 4, 6, 8}}, {"valve2", []int{0, 2}}}

func skab(s *source) (map[string][]byte, error) {
	out := map[string][]byte{}
	var files []protocolFile
	for _, f := range skabFiles {
		for _, k := range f.numbers {
			raw, err := s.get(github("waico/SKAB", skabCommit, fmt.Sprintf("data/%s/%d.csv", f.folder, k)))
			if err != nil {
				return nil, err
			}
			p, err := skabFile(out, "skab", fmt.Sprintf("%s_%d.csv", f.folder, k), raw, 400)
			if err != nil {
				return nil, err
			}
			files = append(files, p)
		}
	}
	out["skab/protocol.json"] = protocol("skab", 1, files)
	return out, nil
}

func skabNormal(s *source) (map[string][]byte, error) {
	raw, err := s.get(github("waico/SKAB", skabCommit, "data/anomaly-free/anomaly-free.csv"))
	if err != nil {
		return nil, err
	}
	out := map[string][]byte{}
	p, err := skabFile(out, "skab_normal", "anomaly_free.csv", raw, 3600)
	if err != nil {
		return nil, err
	}
	out["skab_normal/protocol.json"] = protocol("skab_normal", 1, []protocolFile{p})
	return out, nil
}

// skabFile converts one semicolon-separated file: a time, eight channels, and the
// columns anomaly and changepoint, which the anomaly-free file lacks. The first learn
// rows are not judged.
func skabFile(out map[string][]byte, set, name string, raw []byte, learn int) (p protocolFile, err error) {
	rows, err := table(name, raw, ";", 9)
	if err != nil {
		return p, err
	}
	var input, label bytes.Buffer
	input.WriteString(skabChannels)
	label.WriteString("timestamp,label,changepoint,eval\n")
	for i, r := range rows {
		at := strings.Replace(r[0], " ", "T", 1)
		marks := []string{"0", "0"}
		if len(r) >= 11 {
			marks = r[9:11]
		}
		if err = line(&input, at, r[1:9]); err == nil {
			err = line(&label, at, append(marks[:2:2], judged(i, learn)))
		}
		if err != nil {
			return p, fmt.Errorf("%s: row %d: %w", name, i+1, err)
		}
	}
	out[set+"/input/"+name], out[set+"/labels/"+name] = input.Bytes(), label.Bytes()
	return protocolFile{name: name, rows: len(rows), channels: 8, trainRows: learn}, nil
}

func judged(i, learn int) string {
	if i < learn {
		return "0"
	}
	return "1"
}

// tep converts the Tennessee Eastman runs: 52 columns, one row every 180 s, a fault
// from row 160 on. The normal training run was published transposed.
func tep(s *source) (map[string][]byte, error) {
	var header strings.Builder
	header.WriteString("timestamp")
	for i := range 41 {
		fmt.Fprintf(&header, ",xmeas%d", i+1)
	}
	for i := range 11 {
		fmt.Fprintf(&header, ",xmv%d", i+1)
	}
	header.WriteByte('\n')
	out := map[string][]byte{}
	var files []protocolFile
	for _, name := range []string{"d00", "d02", "d04", "d06", "d08", "d10", "d12", "d14", "d16", "d18", "d20", "train"} {
		original := name + "_te.dat"
		if name == "train" {
			original = "d00.dat"
		}
		raw, err := s.get(github("camaramm/tennessee-eastman-profBraatz", tepCommit, original))
		if err != nil {
			return nil, err
		}
		rows, err := matrix(original, raw, 52)
		if err != nil {
			return nil, err
		}
		var input, label bytes.Buffer
		input.WriteString(header.String())
		label.WriteString("timestamp,label,eval\n")
		for i, r := range rows {
			at, mark := strconv.Itoa(180*i), "0"
			if i >= 160 && name != "d00" {
				mark = "1"
			}
			if err := line(&input, at, r); err != nil {
				return nil, fmt.Errorf("%s: row %d: %w", original, i+1, err)
			}
			fmt.Fprintf(&label, "%s,%s,1\n", at, mark)
		}
		out["tep/input/"+name+".csv"] = input.Bytes()
		if name != "train" {
			out["tep/labels/"+name+".csv"] = label.Bytes()
			files = append(files, protocolFile{name: name + ".csv", trainFile: "train.csv", rows: len(rows), channels: 52, trainRows: 500})
		}
	}
	out["tep/protocol.json"] = protocol("tep", 180, files)
	return out, nil
}

// nab converts one temperature channel, whose labels are windows of time.
func nab(s *source) (map[string][]byte, error) {
	const stream, name = "realKnownCause/machine_temperature_system_failure.csv", "machine_temperature.csv"
	raw, err := s.get(github("numenta/NAB", nabCommit, "data/"+stream))
	if err != nil {
		return nil, err
	}
	rows, err := table(stream, raw, ",", 2)
	if err != nil {
		return nil, err
	}
	raw, err = s.get(github("numenta/NAB", nabCommit, "labels/combined_windows.json"))
	if err != nil {
		return nil, err
	}
	var windows map[string][][2]string
	if err := json.Unmarshal(raw, &windows); err != nil {
		return nil, fmt.Errorf("combined_windows.json: %w", err)
	}
	learn := len(rows) * 15 / 100 // the benchmark's probation
	var input, label bytes.Buffer
	input.WriteString("timestamp,temperature\n")
	label.WriteString("timestamp,label,eval\n")
	for i, r := range rows {
		at, err := time.Parse(time.DateTime, r[0])
		if err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", stream, i+1, err)
		}
		mark := "0"
		for _, w := range windows[stream] {
			from, err := time.Parse("2006-01-02 15:04:05.999999", w[0])
			if err != nil {
				return nil, fmt.Errorf("combined_windows.json: %w", err)
			}
			to, err := time.Parse("2006-01-02 15:04:05.999999", w[1])
			if err != nil {
				return nil, fmt.Errorf("combined_windows.json: %w", err)
			}
			if !at.Before(from) && !at.After(to) {
				mark = "1"
			}
		}
		text := at.Format("2006-01-02T15:04:05")
		if err := line(&input, text, r[1:2]); err != nil {
			return nil, fmt.Errorf("%s: row %d: %w", stream, i+1, err)
		}
		fmt.Fprintf(&label, "%s,%s,%s\n", text, mark, judged(i, learn))
	}
	return map[string][]byte{"nab/input/" + name: input.Bytes(), "nab/labels/" + name: label.Bytes(),
		"nab/protocol.json": protocol("nab", 300, []protocolFile{{name: name, rows: len(rows), channels: 1, trainRows: learn}})}, nil
}

// table splits the lines after the header and checks that every row has enough cells.
func table(name string, raw []byte, comma string, least int) (rows [][]string, err error) {
	for i, text := range strings.Split(strings.TrimSpace(string(raw)), "\n") {
		cells := strings.Split(strings.TrimRight(text, "\r"), comma)
		if len(cells) < least {
			return nil, fmt.Errorf("%s: line %d: %d cells, want %d", name, i+1, len(cells), least)
		}
		if i > 0 {
			rows = append(rows, cells)
		}
	}
	return rows, nil
}

// matrix reads numbers separated by blanks into rows of the given width. It
// transposes a matrix that has that many rows instead.
func matrix(name string, raw []byte, width int) ([][]string, error) {
	var rows [][]string
	for text := range strings.Lines(string(raw)) {
		if cells := strings.Fields(text); len(cells) > 0 {
			rows = append(rows, cells)
		}
	}
	for i, r := range rows {
		if len(r) != len(rows[0]) {
			return nil, fmt.Errorf("%s: row %d: %d numbers, want %d", name, i+1, len(r), len(rows[0]))
		}
	}
	switch {
	case len(rows) > 0 && len(rows[0]) == width:
		return rows, nil
	case len(rows) == 0 || len(rows) != width:
		return nil, fmt.Errorf("%s: %d rows, neither they nor their numbers are %d", name, len(rows), width)
	}
	turned := make([][]string, len(rows[0]))
	for i := range turned {
		for _, r := range rows {
			turned[i] = append(turned[i], r[i])
		}
	}
	return turned, nil
}

// line writes one row, with six digits for each number.
func line(b *bytes.Buffer, at string, cells []string) error {
	b.WriteString(at)
	for _, cell := range cells {
		v, err := strconv.ParseFloat(cell, 64)
		if err != nil {
			return err
		}
		b.WriteByte(',')
		b.Write(strconv.AppendFloat(nil, v, 'g', 6, 64))
	}
	b.WriteByte('\n')
	return nil
}
