package state

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"iot-edge-anomaly/model"
	"iot-edge-anomaly/model/train"
)

func schema(names ...string) model.Schema {
	var s model.Schema
	for _, n := range names {
		s.Channels = append(s.Channels, model.Channel{Name: n})
	}
	return s
}

// learnt is a small real model.
func learnt(t *testing.T, version string) *model.Model {
	t.Helper()
	var rows []float64
	for i := range 300 {
		x := math.Sin(float64(i)/3) + 0.1*math.Sin(float64(i*i))
		rows = append(rows, x, 2*x+0.1*math.Cos(float64(i*i)))
	}
	m, _, err := train.Train(context.Background(), schema("a", "b"), rows, train.Options{Seed: 1, Epochs: 1, Version: version})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestFolderFollowsItsLink(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	s := OpenModels(dir)
	if _, err := s.Active(schema("a", "b")); !errors.Is(err, ErrNone) {
		t.Fatalf("empty folder: %v, want ErrNone", err)
	}
	for _, v := range []string{"2026-01-01T00:00:00Z-1", "2026-01-02T00:00:00Z-1"} {
		if _, err := s.Add(learnt(t, v), schema("a", "b")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Activate(Entry{What: Activated, Version: "2026-01-01T00:00:00Z-1"}); err != nil {
		t.Fatal(err)
	}
	m, err := OpenModels(dir).Active(schema("a", "b"))
	if err != nil || m.Version() != "2026-01-01T00:00:00Z-1" {
		t.Fatalf("active is %v, %v: want the linked one, not the newest", m, err)
	}
	if got := s.Versions(); len(got) != 2 {
		t.Errorf("versions %v", got)
	}
}

func TestDamagedVersionIsPassedOver(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	s := OpenModels(dir)
	for _, v := range []string{"1", "2", "3"} {
		if _, err := s.Add(learnt(t, v), schema("a", "b")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, "3"+Ext), 100); err != nil {
		t.Fatal(err)
	}
	m, err := s.Active(schema("a", "b"))
	if m == nil || m.Version() != "2" || !errors.Is(err, model.ErrCorrupt) {
		t.Errorf("got %v and %v, want version 2 and the damage of 3", m, err)
	}
}

func TestOtherSchemaIsAnError(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	s := OpenModels(dir)
	if _, err := s.Add(learnt(t, "1"), schema("a", "b")); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Active(schema("c", "d")); m != nil || !errors.Is(err, model.ErrSchema) {
		t.Errorf("got a model %v, %v, want ErrSchema", m != nil, err)
	}
	if m, err := s.Active(schema("b", "c")); m == nil || err != nil {
		t.Errorf("a channel more and one less: got a model %v, %v", m != nil, err)
	}
}

func TestDanglingLinkIsDamage(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	s := OpenModels(dir)
	for _, v := range []string{"1", "2"} {
		if _, err := s.Add(learnt(t, v), schema("a", "b")); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(filepath.Join(dir, "2"+Ext)); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Active(schema("a", "b")); m == nil || m.Version() != "1" || !errors.Is(err, model.ErrCorrupt) {
		t.Errorf("one version is left: %v", err)
	}
	if err := os.Remove(filepath.Join(dir, "1"+Ext)); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Active(schema("a", "b")); m != nil || !errors.Is(err, model.ErrCorrupt) {
		t.Errorf("none is left: %v", err)
	}
}

func TestAddRefusesAndLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	s := OpenModels(dir)
	if _, err := s.Add(learnt(t, "1"), schema("a", "c")); !errors.Is(err, model.ErrSchema) {
		t.Errorf("a model of other channels: %v", err)
	}
	if got := s.Versions(); len(got) != 0 {
		t.Errorf("left behind: %v", got)
	}
	if _, err := s.Add(learnt(t, "../1"), schema("a", "b")); err == nil {
		t.Error("a version that leaves the folder is accepted")
	}
	blocked := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(blocked, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenModels(filepath.Join(blocked, "models")).Add(learnt(t, "1"), schema("a", "b")); err == nil {
		t.Error("a folder below a file is accepted")
	}
}

func TestSingleFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pump"+Ext)
	s := OpenModels(path)
	if _, err := s.Active(schema("a", "b")); !errors.Is(err, ErrNone) || s.Writable() {
		t.Fatalf("%v, writable %v: want ErrNone, and nobody writes it", err, s.Writable())
	}
	if err := SaveModel(path, learnt(t, "1")); err != nil {
		t.Fatal(err)
	}
	other := path + ".txt"
	if err := os.WriteFile(other, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := os.Stat(path)
	want, err2 := os.Stat(other)
	if err := errors.Join(err, err2); err != nil || got.Mode() != want.Mode() {
		t.Errorf("%v: mode %v, want that of any file, %v", err, got.Mode(), want.Mode())
	}
	if m, err := s.Active(schema("a", "b")); err != nil || m.Version() != "1" {
		t.Errorf("got %v, %v", m, err)
	}
	if _, err := s.Add(learnt(t, "2"), schema("a", "b")); err == nil {
		t.Error("a single file was written")
	}
}

// TestStamp: whatever is done to the models shows, and nothing else does.
func TestStamp(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "models")
	file := func(name, text string) func() error {
		return func() error { return WriteFile(filepath.Join(dir, name), []byte(text), 0o600) }
	}
	before := OpenModels(dir).Stamp()
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"a first version", func() error { return errors.Join(os.MkdirAll(dir, 0o700), file("a"+Ext, "a")()) }},
		{"a second version", file("b"+Ext, "b")},
		{"the second one is activated", func() error { return os.Symlink("b"+Ext, filepath.Join(dir, "current")) }},
		{"it is written anew", file("b"+Ext, "longer")},
		{"it is removed", func() error { return os.Remove(filepath.Join(dir, "b"+Ext)) }},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		now := OpenModels(dir).Stamp()
		if now == before || now != OpenModels(dir).Stamp() {
			t.Errorf("%s: stamp %q, before %q", step.what, now, before)
		}
		before = now
	}
	single := filepath.Join(dir, "a"+Ext)
	before = OpenModels(single).Stamp()
	if err := os.Remove(single); err != nil {
		t.Fatal(err)
	}
	if OpenModels(single).Stamp() == before {
		t.Error("a single file that is removed does not show")
	}
}
