package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"iot-edge-anomaly/scripts/child"
)

// nobody is the user that the program runs as where the state folder is given to another.
const nobody = 65534

// owner takes the state folder from the user that the program runs as, and gives it back,
// as a restored backup or a careless chown does.
func owner(t *trial) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: only root may give files away", errCannot)
	}
	setpriv, err := child.Find("setpriv", "util-linux")
	if err != nil {
		return fmt.Errorf("%w: %w", errCannot, err)
	}
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	p := stream(b.addr)
	p.wrap = []string{setpriv, fmt.Sprintf("--reuid=%d", nobody), fmt.Sprintf("--regid=%d", nobody), "--clear-groups"}
	a, err := t.configure(p)
	if err != nil {
		return err
	}
	config, err := os.ReadFile(a.config)
	if err != nil {
		return err
	}
	small := strings.Replace(string(config), "/spool}", "/spool, max: 1MiB}", 1) // so that it soon needs another segment
	if err := os.WriteFile(a.config, []byte(small), 0o644); err != nil {
		return err
	}
	give := func(uid int) error {
		return filepath.WalkDir(t.dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && (path == t.dir || strings.HasPrefix(path, a.state)) {
				err = os.Lchown(path, uid, uid)
			}
			return err
		})
	}
	if err := os.MkdirAll(a.state, 0o700); err != nil {
		return err
	}
	if err := give(nobody); err != nil {
		return err
	}
	if err := a.start(); err != nil {
		return err
	}
	if err := a.answers(); err != nil {
		return err
	}
	if err := await(time.Minute, "messages", func() bool { return len(b.all()) > 20 }); err != nil {
		return err
	}
	degraded := func() bool {
		status, _ := a.health()
		return status == "degraded"
	}
	give(0) // what the program removes meanwhile needs no owner
	const fault = "state folder given to another user"
	await(time.Minute, "", func() bool { return degraded() || !a.Running() })
	told := len(b.all())
	await(30*time.Second, "", func() bool { return len(b.all()) > told+40 || !a.Running() })
	t.expect(a.Running() && degraded(), fault+": the program runs and says it", "yes", "%t", a.Running() && degraded())
	t.expect(len(b.all()) > told+40, fault+": messages told meanwhile", "> 40", "%d", len(b.all())-told)
	give(nobody)
	back := time.Now()
	await(time.Minute, "", func() bool { return !degraded() })
	t.expect(time.Since(back) < 5*time.Second, fault+": healthy after it is given back", "<= 5 s", "%.1f s", time.Since(back).Seconds())
	if err := a.settle(b); err != nil {
		return err
	}
	t.inOrder(fault, balanceOf(b.all()))
	return nil
}
