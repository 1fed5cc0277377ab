package drivers

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

func TestOnlyLater(t *testing.T) {
	later := &PartError{Of: "unit 7", Channels: []string{"a"}, Err: fmt.Errorf("%w: budget", ErrLater)}
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{nil, false},
		{ErrLater, true},
		{later, true},
		{errors.Join(later, later), true},
		{errors.Join(later, io.EOF), false},
		{io.EOF, false},
	} {
		if got := OnlyLater(tt.err); got != tt.want {
			t.Errorf("%v: %v", tt.err, got)
		}
	}
}
