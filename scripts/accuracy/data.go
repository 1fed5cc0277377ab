package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"iot-edge-anomaly/model"
)

// set is one collection of labelled files with one protocol.
type set struct {
	name  string
	dir   string
	files []file
}

// file is one recording, as far as the detector may see it.
type file struct {
	name   string
	schema model.Schema
	times  []string
	rows   []float64 // (n, C), NaN = missing
	train  []float64 // (k, C) the rows to learn from

	trainKey string // the same for files with the same learning rows
	ownKey   string
}

// load reads a set by its protocol.json.
func load(root, name string) (set, error) {
	s := set{name: name, dir: filepath.Join(root, name)}
	raw, err := os.ReadFile(filepath.Join(s.dir, "protocol.json"))
	if err != nil {
		return s, err
	}
	var p struct {
		Period float64 `json:"sample_period_s"`
		Files  map[string]struct {
			TrainRows int    `json:"train_rows"`
			TrainFile string `json:"train_file"`
		} `json:"files"`
	}
	if err := json.Unmarshal(raw, &p); err != nil {
		return s, fmt.Errorf("%s: %w", name, err)
	}
	for fname, f := range p.Files {
		one, err := read(filepath.Join(s.dir, "input", fname))
		if err != nil {
			return s, err
		}
		one.schema.Period = time.Duration(p.Period * float64(time.Second))
		one.train, one.trainKey, one.ownKey = one.rows, name+"/"+fname, name+"/"+fname
		if f.TrainFile != "" && f.TrainFile != fname {
			other, err := read(filepath.Join(s.dir, "input", f.TrainFile))
			if err != nil {
				return s, err
			}
			one.train, one.trainKey = other.rows, name+"/"+f.TrainFile
		}
		one.train = one.train[:min(len(one.train), f.TrainRows*len(one.schema.Channels))]
		s.files = append(s.files, one)
	}
	slices.SortFunc(s.files, func(a, b file) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	return s, nil
}

// read takes one CSV whose first column is the time; an empty cell is missing.
func read(path string) (file, error) {
	f := file{name: filepath.Base(path)}
	r, err := os.Open(path)
	if err != nil {
		return f, err
	}
	defer r.Close()
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return f, fmt.Errorf("%s: %w", path, err)
	}
	for _, name := range records[0][1:] {
		f.schema.Channels = append(f.schema.Channels, model.Channel{Name: name})
	}
	for i, rec := range records[1:] {
		f.times = append(f.times, rec[0])
		for _, cell := range rec[1:] {
			v := math.NaN()
			if cell != "" {
				if v, err = strconv.ParseFloat(cell, 64); err != nil {
					return f, fmt.Errorf("%s: line %d: %w", path, i+2, err)
				}
			}
			f.rows = append(f.rows, v)
		}
	}
	return f, nil
}

// causes returns for each skab file the channels in which its fault should show; nil
// if the set has no such list.
func causes(dir string) map[string][]string {
	raw, err := os.ReadFile(filepath.Join(dir, "causes.json"))
	if err != nil {
		return nil
	}
	var c struct {
		Files map[string][]string `json:"files"`
	}
	if json.Unmarshal(raw, &c) != nil {
		return nil
	}
	return c.Files
}
