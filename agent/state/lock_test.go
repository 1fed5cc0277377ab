package state

import (
	"errors"
	"syscall"
	"testing"
)

// TestLock: a folder is locked once, and free after Close although a child that is being
// made has the file open too.
func TestLock(t *testing.T) {
	dir := t.TempDir()
	held, err := Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Lock(dir); !errors.Is(err, ErrInUse) {
		t.Fatalf("locked twice: %v", err)
	}
	child, err := syscall.Dup(int(held.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(child)
	if err := held.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := Lock(dir)
	if err != nil {
		t.Fatalf("not free after Close: %v", err)
	}
	again.Close()
}
