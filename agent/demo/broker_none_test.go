//go:build !demo

package demo

import (
	"errors"
	"testing"
)

func TestStartBroker_notInThisBuild(t *testing.T) {
	if _, _, err := StartBroker("127.0.0.1:0"); !errors.Is(err, ErrNoBroker) {
		t.Errorf("got %v, want %v", err, ErrNoBroker)
	}
}
