package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/archive"
	"iot-edge-anomaly/agent/control"
	"iot-edge-anomaly/agent/spool"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/model"
)

const (
	stagedEnding = ".restore"        // what waits beside its place
	asideEnding  = ".before-restore" // what was there before
)

// move brings what is staged beside a place into it: a file, a link, or the folder of
// the queue.
type move struct {
	path   string
	staged string
	aside  string // where what is there goes
	mode   fs.FileMode
	uid    int // -1 = the caller's
	gid    int

	wentAside, wentIn bool
}

// stage writes all beside its place, and checks what this program must be able to read.
func (r *restoring) stage() error {
	keepQueue := ownQueue(r.next.Spool.Dir)
	if keepQueue {
		r.Say("%s: the queue that is there stays: its messages and numbers are newer than those of the backup", r.next.Spool.Dir)
	}
	if _, err := r.f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	err := archive.Read(r.f, func(f archive.File, content io.Reader) error {
		p, name := find(r.places, f.Name)
		switch {
		case p == nil: // the origin
			return nil
		case p.entry != queueEntry:
			return r.put(r.move(p, filepath.Join(p.path, name)), content)
		case keepQueue:
			return nil
		}
		return r.putQueue(p, name, content)
	})
	if err == nil {
		err = r.links()
	}
	if err == nil {
		err = r.audit()
	}
	if err != nil {
		return err
	}
	return r.drop()
}

// ownQueue tells whether the gateway has a queue that has ever had a message.
func ownQueue(dir string) bool {
	v, err := spool.Verify(dir)
	return err == nil && (v.Last > 0 || v.Entries > 0 || !v.Good())
}

// move adds the move into a path. Files of the configuration keep mode and owner.
func (r *restoring) move(p *place, path string) *move {
	m := &move{path: path, staged: path + stagedEnding, mode: fs.FileMode(p.mode), uid: r.uid, gid: r.gid}
	if p.entry == configEntry || p.entry == "templates" {
		m.uid, m.gid = -1, -1
		if st, err := os.Stat(path); err == nil {
			m.mode = st.Mode().Perm()
			if sys, ok := st.Sys().(*syscall.Stat_t); ok && os.Geteuid() == 0 {
				m.uid, m.gid = int(sys.Uid), int(sys.Gid)
			}
		}
	}
	r.moves = append(r.moves, m)
	return m
}

// put stages a file. What a restore that was interrupted has left there is nobody's.
func (r *restoring) put(m *move, content io.Reader) error {
	if err := r.mkdir(filepath.Dir(m.path)); err != nil {
		return err
	}
	if err := os.RemoveAll(m.staged); err != nil {
		return err
	}
	if err := write(m.staged, m, content); err != nil {
		return err
	}
	if filepath.Ext(m.path) == state.Ext {
		_, err := model.Load(m.staged)
		if errors.Is(err, model.ErrOlder) { // the agent does as after an upgrade, and the rest of the backup is worth having
			r.Say("%s: it is of an earlier version of this program: the machine is learnt anew", m.path)
			err = nil
		}
		return err
	}
	return nil
}

// mkdir makes a folder, which is the agent's.
func (r *restoring) mkdir(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := r.mkdir(filepath.Dir(dir)); err != nil {
		return err
	}
	err := os.Mkdir(dir, 0o700)
	if err == nil && r.uid >= 0 {
		err = os.Lchown(dir, r.uid, r.gid)
	}
	return err
}

// write writes a file to the disk.
func write(path string, m *move, content io.Reader) error {
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, content)
	if m.uid >= 0 {
		err = errors.Join(err, to.Chown(m.uid, m.gid))
	}
	return errors.Join(err, to.Chmod(m.mode), to.Sync(), to.Close())
}

// putQueue stages a file of the queue, whose folder is moved as one.
func (r *restoring) putQueue(p *place, name string, content io.Reader) error {
	i := slices.IndexFunc(r.moves, func(m *move) bool { return m.path == p.path })
	if i < 0 {
		m := r.move(p, p.path)
		i = len(r.moves) - 1
		if err := errors.Join(os.RemoveAll(m.staged), r.mkdir(m.staged)); err != nil {
			return err
		}
	}
	return write(filepath.Join(r.moves[i].staged, name), r.moves[i], content)
}

// links stages the links to the active models.
func (r *restoring) links() error {
	for i := range r.places {
		p := &r.places[i]
		machine, isModels := strings.CutPrefix(p.entry, "models/")
		name := r.origin.Current[machine]
		if !isModels || name == "" || p.endings == nil || !slices.ContainsFunc(r.moves, func(m *move) bool { return m.path == filepath.Join(p.path, name) }) {
			continue
		}
		m := r.move(p, filepath.Join(p.path, "current"))
		if err := errors.Join(os.RemoveAll(m.staged), os.Symlink(name, m.staged)); err != nil {
			return err
		}
		if m.uid >= 0 {
			if err := os.Lchown(m.staged, m.uid, m.gid); err != nil {
				return err
			}
		}
	}
	return nil
}

// audit adds the restore to the changes that were made.
func (r *restoring) audit() error {
	i := slices.IndexFunc(r.places, func(p place) bool { return p.entry == auditEntry })
	p := &r.places[i]
	at := slices.IndexFunc(r.moves, func(m *move) bool { return m.path == p.path })
	if at < 0 {
		at = len(r.moves)
		if err := r.put(r.move(p, p.path), strings.NewReader("[]")); err != nil {
			return err
		}
	}
	m := r.moves[at]
	a, err := control.OpenAudit(m.staged)
	if err != nil {
		return err
	}
	me := control.Peer{PID: int32(os.Getpid()), UID: uint32(os.Getuid()), GID: uint32(os.Getgid())}
	err = a.Add(control.NewChange("restore", me, fmt.Sprintf("backup of %s from %s", r.origin.Device, r.origin.Created.Format(time.RFC3339)), nil))
	if err == nil && m.uid >= 0 {
		err = os.Lchown(m.staged, m.uid, m.gid)
	}
	return err
}

// drop forgets the moves of files that are in their place already, and moves the
// configuration to the end.
func (r *restoring) drop() error {
	var last, rest []*move
	for _, m := range r.moves {
		switch {
		case same(m.staged, m.path):
			if err := os.Remove(m.staged); err != nil {
				return err
			}
		case m.path == r.File:
			last = append(last, m)
		default:
			rest = append(rest, m)
		}
	}
	r.moves = append(rest, last...)
	return nil
}

// same tells whether two files have the same bytes, or two links the same target.
func same(a, b string) bool {
	x, err := os.Readlink(a)
	y, err2 := os.Readlink(b)
	if err == nil || err2 == nil {
		return err == nil && err2 == nil && x == y
	}
	p, err := state.ReadFile(a, maxFile)
	q, err2 := state.ReadFile(b, maxFile)
	return err == nil && err2 == nil && bytes.Equal(p, q)
}
