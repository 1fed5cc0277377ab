package backup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"iot-edge-anomaly/agent/spool"
)

// unstage removes what was staged.
func (r *restoring) unstage() (err error) {
	for _, m := range r.moves {
		err = errors.Join(err, os.RemoveAll(m.staged))
	}
	return err
}

// keepAs names what a restore at that moment keeps. One of the same second has names of
// its own: what it kept must not be lost.
func (r *restoring) keepAs(now time.Time) {
	for n := 1; ; n++ {
		r.ending = asideEnding + now.UTC().Format("-20060102T150405Z")
		if n > 1 {
			r.ending += fmt.Sprintf("-%d", n)
		}
		if !slices.ContainsFunc(r.moves, func(m *move) bool { _, err := os.Lstat(m.path + r.ending); return err == nil }) {
			break
		}
	}
	for _, m := range r.moves {
		m.aside = m.path + r.ending
	}
}

// swap brings everything into its place. If a move fails, those before it are undone.
func (r *restoring) swap() error {
	for i, m := range r.moves {
		err := m.do()
		if err == nil {
			continue
		}
		for ; i >= 0; i-- {
			err = errors.Join(err, r.moves[i].undo())
		}
		return errors.Join(fmt.Errorf("nothing was changed: %w", err), r.unstage())
	}
	kept := 0
	for _, m := range r.moves {
		if m.wentAside {
			kept++
		}
	}
	r.Say("restored: backup of %s from %s: %s", r.origin.Device, r.origin.Created.Local().Format("2006-01-02 15:04:05"), spool.Count(len(r.moves), "file took its place", "files took their places"))
	if kept > 0 {
		r.Say("%s kept beside them as *%s", spool.Count(kept, "file that they replace is", "files that they replace are"), r.ending)
	}
	return nil
}

// do moves what is there aside, and what is staged in.
func (m *move) do() error {
	err := os.Rename(m.path, m.aside)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	m.wentAside = err == nil
	if err := os.Rename(m.staged, m.path); err != nil {
		return err
	}
	m.wentIn = true
	return syncFolder(filepath.Dir(m.path))
}

// undo is the opposite of do, however far that came.
func (m *move) undo() (err error) {
	if m.wentIn {
		err = os.Rename(m.path, m.staged)
	}
	if m.wentAside {
		err = errors.Join(err, os.Rename(m.aside, m.path))
	}
	return err
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
