package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// File types of st_mode.
const (
	modeDir  = 0o040000
	modeFile = 0o100000
	modeChar = 0o020000
)

// archiveWriter writes an initramfs: a cpio archive in the "newc" format of
// Linux' Documentation/driver-api/early-userspace/buffer-format.rst. It makes
// device nodes without root.
type archiveWriter struct {
	b     bytes.Buffer
	inode int
}

func (a *archiveWriter) entry(name string, mode int, data []byte, major, minor int) {
	a.inode++
	a.b.WriteString("070701")
	for _, field := range []int{a.inode, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0} {
		fmt.Fprintf(&a.b, "%08X", field)
	}
	a.b.WriteString(name)
	a.b.WriteByte(0)
	a.pad()
	a.b.Write(data)
	a.pad()
}

func (a *archiveWriter) pad() {
	for a.b.Len()%4 != 0 {
		a.b.WriteByte(0)
	}
}

func (a *archiveWriter) file(name string, mode int, from string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	a.entry(name, modeFile|mode, data, 0, 0)
	return nil
}

// writeInitramfs writes the root filesystem of a board: the first process, the
// agent with its configuration, and the kernel's modules.
func writeInitramfs(to string, k *kernel, guest, agent string, config []byte) error {
	var a archiveWriter
	for _, d := range strings.Fields("bin dev etc etc/iot-edge-anomaly modules proc run sys tmp var var/lib") {
		a.entry(d, modeDir|0o755, nil, 0, 0)
	}
	a.entry("dev/console", modeChar|0o600, nil, 5, 1)
	if err := a.file("init", 0o755, guest); err != nil {
		return err
	}
	if err := a.file("bin/iot-edge-anomaly", 0o755, agent); err != nil {
		return err
	}
	a.entry("etc/iot-edge-anomaly/config.yaml", modeFile|0o644, config, 0, 0)
	for i, m := range k.modules {
		if err := a.file(fmt.Sprintf("modules/%02d-%s", i, filepath.Base(m)), 0o644, m); err != nil {
			return err
		}
	}
	a.entry("TRAILER!!!", 0, nil, 0, 0)
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestSpeed)
	if err != nil {
		return err
	}
	z.Write(a.b.Bytes()) // into memory: cannot fail
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(to, out.Bytes(), 0o644)
}
