package lock

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestHeld: a folder and a file are locked once, and free after Close although a child
// that is being made has them open too.
func TestHeld(t *testing.T) {
	dir := t.TempDir()
	for name, take := range map[string]func() (*Held, error){
		"folder": func() (*Held, error) { return Folder(dir) },
		"file":   func() (*Held, error) { return File(filepath.Join(dir, "s.lock")) },
	} {
		t.Run(name, func(t *testing.T) {
			held, err := take()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := take(); !errors.Is(err, ErrInUse) {
				t.Fatalf("locked twice: %v", err)
			}
			child, err := syscall.Dup(int(held.f.Fd()))
			if err != nil {
				t.Fatal(err)
			}
			defer syscall.Close(child)
			if err := held.Close(); err != nil {
				t.Fatal(err)
			}
			again, err := take()
			if err != nil {
				t.Fatalf("not free after Close: %v", err)
			}
			again.Close()
		})
	}
	held, err := Folder(dir)
	if err != nil {
		t.Fatal(err)
	}
	waited := make(chan error)
	go func() {
		next, err := Wait(dir)
		waited <- errors.Join(err, next.Close())
	}()
	select {
	case err := <-waited:
		t.Fatalf("did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	held.Close()
	if err := <-waited; err != nil {
		t.Error(err)
	}
	if _, err := Folder(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}
