package control

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"iot-edge-anomaly/agent/config"
	"iot-edge-anomaly/agent/state"
	"iot-edge-anomaly/agent/status"
)

// maxConfig bounds a configuration file in bytes, as package config does.
const maxConfig = 1 << 20

// Apply says which configuration is to take the place of which. It works with the
// permissions of its caller; the agent is only asked to reload.
type Apply struct {
	New    string                               // file
	Place  string                               // file of the agent
	Check  func(name string, data []byte) error // tells whether the agent could run with data in the file name
	Verify time.Duration                        // how long the agent must stay as healthy as before; 0 = it is not watched
	Say    func(format string, a ...any)        // tells what was done, for people
}

// Run checks the new file, keeps the old one as PLACE.bak, puts the new one in its
// place, has the agent reload, and watches it. If anything of that fails, the old file
// is put back and the agent reloads it. A file that is refused, here or by the agent,
// gives a config.Refusal. Where no agent runs, the new file stays in place.
func (a *Apply) Run(ctx context.Context) error {
	data, err := readNew(a.New)
	if err != nil {
		return fmt.Errorf("new configuration: %w", err)
	}
	if err := a.Check(a.Place, data); err != nil {
		return config.Refuse(err)
	}
	socket, err := config.Socket(a.Place) // that the running agent has
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.Say("%v", err)
	}
	old, err := a.swap(data)
	if err != nil {
		return err
	}
	if err = a.take(ctx, socket, data); err == nil {
		return nil
	}
	ctx = context.WithoutCancel(ctx) // who gives up wants the old one all the more
	if rerr := a.restore(ctx, socket, old); rerr != nil {
		return errors.Join(err, fmt.Errorf("the configuration before it could not be restored from %s.bak: %w", a.Place, rerr))
	}
	a.Say("%s: the configuration before it is restored", a.Place)
	return err
}

// readNew reads a file, or a pipe such as /dev/stdin.
func readNew(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(f, maxConfig+1))
	if err = errors.Join(err, f.Close()); err == nil && len(b) > maxConfig {
		err = fmt.Errorf("read %s: more than %d bytes", path, maxConfig)
	}
	return b, err
}

// place is a file as it was before the swap; nil data = there was none.
type place struct {
	path string // without symbolic links
	data []byte
	mode fs.FileMode
	uid  int // -1 = the caller's
	gid  int
}

// write puts data into the file, which keeps its mode and owner.
func (p *place) write(path string, data []byte) error {
	if err := state.WriteFile(path, data, p.mode); err != nil {
		return err
	}
	if err := os.Chmod(path, p.mode); err != nil { // the caller's umask is not the service's
		return err
	}
	if p.uid < 0 || p.uid == os.Geteuid() && p.gid == os.Getegid() {
		return nil
	}
	return os.Chown(path, p.uid, p.gid)
}

// swap puts data in place and keeps what was there.
func (a *Apply) swap(data []byte) (place, error) {
	old := place{path: a.Place, mode: 0o640, uid: -1, gid: -1}
	if path, err := filepath.EvalSymlinks(a.Place); err == nil {
		old.path = path
	}
	st, err := os.Stat(old.path)
	if err == nil {
		old.mode = st.Mode().Perm()
		if s, ok := st.Sys().(*syscall.Stat_t); ok {
			old.uid, old.gid = int(s.Uid), int(s.Gid)
		}
		old.data, err = state.ReadFile(old.path, maxConfig)
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return old, err
	default:
		if err := old.write(old.path+".bak", old.data); err != nil {
			return old, fmt.Errorf("back up: %w", err)
		}
		a.Say("%s: kept as %s.bak", old.path, filepath.Base(old.path))
	}
	return old, old.write(old.path, data)
}

// take has the agent reload, and watches it.
func (a *Apply) take(ctx context.Context, socket string, data []byte) error {
	before, err := a.health(ctx, socket)
	if errors.Is(err, ErrNotRunning) {
		a.Say("%s: in place; no agent runs, the next one takes it", a.Place)
		return nil
	}
	if err != nil {
		return err
	}
	var r Reloaded
	if err := Post(ctx, socket, "reload", Reload{Note: "config apply"}, &r); err != nil {
		return err
	}
	if sum := fmt.Sprintf("%x", sha256.Sum256(data)); r.Config.SHA256 != sum {
		return fmt.Errorf("the running agent does not read this file but %s", r.Config.File)
	}
	a.Say("%s", r.Text())
	return a.watch(ctx, socket, before)
}

// watch wants the agent to stay as healthy as it was, as far as it does its work at
// all: what is degraded may be what was to be mended.
func (a *Apply) watch(ctx context.Context, socket string, before status.Level) error {
	const every = 500 * time.Millisecond
	for end := time.Now().Add(a.Verify); time.Now().Before(end); {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
		now, err := a.health(ctx, socket)
		if err != nil {
			return fmt.Errorf("after the reload: %w", err)
		}
		if now == status.Unhealthy && before != status.Unhealthy {
			return errors.New("the agent is unhealthy with it, and was not before")
		}
	}
	return nil
}

func (a *Apply) health(ctx context.Context, socket string) (status.Level, error) {
	var s Status
	err := Get(ctx, socket, "status", &s)
	return s.Status, err
}

// restore puts the old file back and has the agent reload it, if one still runs.
func (a *Apply) restore(ctx context.Context, socket string, old place) error {
	var err error
	if old.data == nil {
		err = os.Remove(old.path)
	} else {
		err = old.write(old.path, old.data)
	}
	if err != nil {
		return err
	}
	err = Post(ctx, socket, "reload", Reload{Note: "config apply: restored"}, &Reloaded{})
	if errors.Is(err, ErrNotRunning) {
		return nil
	}
	return err
}
