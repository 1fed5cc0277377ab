package backup

import (
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
	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/lock"
)

// Options of Restore.
type Options struct {
	File    string                      // the configuration's place
	ID      func(*config.Config) string // of the gateway with a configuration
	Device  string                      // whose backup is taken although this gateway has another id; empty = its own only
	Drivers map[string]config.DriverInfo
	Say     func(format string, a ...any) // tells what was done, for people
}

// Restore brings back what the backup in the file from has. It changes nothing unless
// all of it is whole, of this gateway, and fits this program; and it tells what it
// keeps. An agent must not run meanwhile.
func Restore(from string, o Options) error {
	src, err := open(from)
	if err != nil {
		return err
	}
	defer src.f.Close()
	if file, err := filepath.EvalSymlinks(o.File); err == nil {
		o.File = file
	}
	r := &restoring{Options: o, source: src}
	if err := r.judge(); err != nil {
		return fmt.Errorf("%s: %w", from, err)
	}
	unlock, err := r.lock()
	if err != nil {
		return err
	}
	defer unlock()
	if err := r.room(); err != nil {
		return err
	}
	r.differences()
	if err := r.stage(); err != nil {
		return errors.Join(fmt.Errorf("nothing was changed: %w", err), r.unstage())
	}
	r.keepAs(time.Now())
	return r.swap()
}

// source is an open backup, of which Read was once whole.
type source struct {
	f      *os.File
	origin Origin
	config []byte
	files  []archive.File
	total  int64
}

// open opens a backup and compares all of it with its sums.
func open(path string) (*source, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	s := &source{f: f}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err == nil {
		err = s.read()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return s, nil
}

func (s *source) read() error {
	err := archive.Read(s.f, func(f archive.File, r io.Reader) (err error) {
		if s.origin.Format == 0 { // the first
			if f.Name != originEntry || f.Size > maxOrigin {
				return fmt.Errorf("not a backup of iot-edge-anomaly: it begins with %s", f.Name)
			}
			b, err := io.ReadAll(r)
			if err == nil {
				s.origin, err = parseOrigin(b)
			}
			return err
		}
		if f.Name == configEntry {
			s.config, err = io.ReadAll(io.LimitReader(r, 2<<20)) // config.Parse refuses more
		}
		s.files = append(s.files, f)
		s.total += f.Size
		return err
	})
	if err == nil && s.origin.Format == 0 {
		err = errors.New("not a backup of iot-edge-anomaly: it is empty")
	}
	return err
}

// restoring is one run of Restore.
type restoring struct {
	Options
	*source
	now    *config.Config // in force; nil = there is none
	next   *config.Config // of the backup
	places []place
	uid    int // of the agent's user; -1 = the caller's
	gid    int
	moves  []*move
	ending string // of the names of what is kept
}

// judge refuses what must not be restored.
func (r *restoring) judge() (err error) {
	if len(r.config) == 0 {
		return errors.New("no configuration is in it")
	}
	var problems config.Problems
	if r.next, problems = config.Parse(r.File, r.config, r.Drivers); r.next == nil {
		return fmt.Errorf("its configuration, of iot-edge-anomaly %s, does not fit this program: %w", r.origin.Program, problems.Err())
	}
	r.now, err = config.Load(r.File, r.Drivers)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("whether it changes trust cannot be told, for the present configuration cannot be read: move it away first: %w", err)
	}
	r.places = places(r.next, r.File)
	if err := r.whose(); err != nil {
		return err
	}
	if r.now != nil && !config.Same(r.now.Trust, r.next.Trust) {
		return fmt.Errorf("its configuration has another trust than %s: edit trust there first, if that is wanted", r.File)
	}
	for _, f := range r.files {
		if p, _ := find(r.places, f.Name); p == nil {
			return fmt.Errorf("%s belongs to nothing in its configuration", f.Name)
		}
	}
	return r.allowed()
}

// whose refuses the backup of another gateway.
func (r *restoring) whose() error {
	own := r.ID(r.next)
	if r.now != nil {
		own = r.ID(r.now)
	}
	if from := r.origin.Device; from != own && from != r.Device {
		return fmt.Errorf("the backup of %q, and this gateway is %q: if it takes the place of that one, --device %s says so", from, own, from)
	}
	return nil
}

// allowed refuses places that nobody here has named.
func (r *restoring) allowed() error {
	if r.now != nil && filepath.Clean(r.now.State) != filepath.Clean(r.next.State) {
		return fmt.Errorf("its state folder is %s, and that of %s is %s", r.next.State, r.File, r.now.State)
	}
	var present []place
	if r.now != nil {
		present = places(r.now, r.File)
	}
	for _, p := range r.places {
		same := func(q place) bool { return q.entry == p.entry && filepath.Clean(q.path) == filepath.Clean(p.path) }
		_, err := os.Lstat(p.path)
		free := errors.Is(err, fs.ErrNotExist) && r.now == nil
		if p.entry != configEntry && !within(p.path, r.next.State) && !free && !slices.ContainsFunc(present, same) {
			return fmt.Errorf("%s would go to %s, which is outside %s and not in the present configuration", p.entry, p.path, r.next.State)
		}
	}
	return nil
}

// within tells whether path is below the folder, also where links lead.
func within(path, folder string) bool {
	real := func(p string) string {
		for rest := ""; ; p, rest = filepath.Dir(p), filepath.Join(filepath.Base(p), rest) {
			if q, err := filepath.EvalSymlinks(p); err == nil {
				return filepath.Join(q, rest)
			}
			if p == filepath.Dir(p) {
				return p
			}
		}
	}
	rel, err := filepath.Rel(real(folder), real(filepath.Dir(path)))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

// differences tells what of the configuration becomes another, before it does: a backup
// is as good as the place where it was kept.
func (r *restoring) differences() {
	if r.now == nil {
		r.Say("%s: there was none; the broker of the backup's is %q", r.File, r.next.MQTT.Broker)
	} else if ds := config.Differences(r.now, r.next); len(ds) > 0 {
		r.Say("%s: that of the backup differs in %s", r.File, strings.Join(ds, ", "))
	}
}

// lock keeps agents from starting, and makes the state folder where it is missing.
func (r *restoring) lock() (unlock func(), err error) {
	if err := os.MkdirAll(r.next.State, 0o700); err != nil {
		return nil, err
	}
	var held []*lock.Held
	unlock = func() {
		for _, f := range held {
			f.Close()
		}
	}
	for _, folder := range []string{r.next.State, r.next.Spool.Dir} {
		l, err := lock.Folder(folder)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			unlock()
			if errors.Is(err, lock.ErrInUse) {
				err = fmt.Errorf("the agent is at work on %s: stop it first (systemctl stop iot-edge-anomaly)", folder)
			}
			return nil, err
		}
		held = append(held, l)
	}
	st, err := held[0].Stat()
	r.uid, r.gid = -1, -1
	if sys, ok := st.Sys().(*syscall.Stat_t); err == nil && ok && os.Geteuid() == 0 {
		r.uid, r.gid = int(sys.Uid), int(sys.Gid)
	}
	return unlock, nil
}

// spare is what stays free on the disk.
const spare = 16 << 20

// room refuses where the disk has too little of it: old and new are there at once.
func (r *restoring) room() error {
	var st syscall.Statfs_t
	if err := syscall.Statfs(r.next.State, &st); err != nil {
		return fmt.Errorf("%s: %w", r.next.State, err)
	}
	if free := int64(st.Bavail) * int64(st.Bsize); free < r.total+spare {
		return fmt.Errorf("%s has %d bytes free, and %d are needed", r.next.State, free, r.total+spare)
	}
	return nil
}
