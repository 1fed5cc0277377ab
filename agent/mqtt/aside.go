package mqtt

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// asideBytes bounds the file of refused messages; the one before it is kept too.
const asideBytes = 1 << 20

// written counts the bytes of the file.
var written atomic.Uint64

// Written is how many bytes this process has written to disk for refused messages, in
// whole pages of 4 KiB. It is safe for concurrent use.
func Written() uint64 { return written.Load() }

// asideLine is a message that the broker did not take, as a line of JSON.
type asideLine struct {
	At      time.Time `json:"set_aside"`
	ID      uint64    `json:"number"`
	Topic   string    `json:"topic"`
	Bytes   int       `json:"packet_bytes"`
	Reason  string    `json:"reason"`
	Reduced bool      `json:"delivered_truncated"` // it arrived without causes or detail
	Payload string    `json:"payload"`
}

// keepAside appends a refused message to the file, durably. A file that is full is
// kept as .1, in place of an older one. path "" keeps nothing.
func keepAside(path string, l asideLine) error {
	if path == "" {
		return nil
	}
	b, err := json.Marshal(l)
	if err == nil {
		err = appendAside(path, append(b, '\n'))
	}
	if err != nil {
		return fmt.Errorf("setting a refused message aside: %w", err)
	}
	return nil
}

func appendAside(path string, b []byte) error {
	st, err := os.Stat(path)
	begins := err != nil // the file
	if !begins && st.Size()+int64(len(b)) > asideBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return err
		}
		begins = true
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if !begins && torn(f) {
		b = append([]byte{'\n'}, b...)
	}
	_, err = f.Write(b)
	written.Add(uint64(len(b)+4096) &^ 4095) // the page of its begin is written again
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil && begins {
		err = syncFolder(filepath.Dir(path))
	}
	return err
}

// torn tells whether the last line of a file does not end: a power cut or a full disk
// took the rest.
func torn(f *os.File) bool {
	var last [1]byte
	st, err := f.Stat()
	if err != nil || st.Size() == 0 {
		return false
	}
	_, err = f.ReadAt(last[:], st.Size()-1)
	return err == nil && last[0] != '\n'
}

// syncFolder makes a new name in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
