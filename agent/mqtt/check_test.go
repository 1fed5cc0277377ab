package mqtt

import (
	"net"
	"testing"
	"time"
)

// TestCheck_carrier has a broker that goes away after the port was found open: without
// TLS no step of that name may fail.
func TestCheck_carrier(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	gone := make(chan bool)
	go func() {
		defer close(gone)
		if conn, err := l.Accept(); err == nil {
			l.Close()
			conn.Close()
		}
	}()
	var found []Finding
	tell := func(f Finding) {
		if found = append(found, f); f.Good {
			<-gone // before the next step opens a connection
		}
	}
	if Check(t.Context(), Options{Broker: "tcp://" + addr, ClientID: "gw7"}, Topics{}, time.Second, tell) {
		t.Errorf("good: %+v", found)
	}
	if len(found) != 2 || found[0].Step != "tcp" || found[1].Step != "tcp" || found[1].Good {
		t.Errorf("%+v", found)
	}
}
