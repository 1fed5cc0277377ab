package mqtt

import (
	"encoding/json"
	"fmt"
	"os"
	"time"
)

// asideBytes bounds the file of refused messages; the one before it is kept too.
const asideBytes = 1 << 20

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
	if err != nil {
		return err
	}
	if st, err := os.Stat(path); err == nil && st.Size()+int64(len(b)) > asideBytes {
		if err := os.Rename(path, path+".1"); err != nil {
			return fmt.Errorf("setting a refused message aside: %w", err)
		}
	}
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("setting a refused message aside: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("setting a refused message aside: %w", err)
	}
	return nil
}
