package driverstest

import (
	"net"
	"testing"
)

// TestFreeAddr: an address is given once, can be listened on twice, and is not one that
// a listener on port 0 may get.
func TestFreeAddr(t *testing.T) {
	given := map[string]bool{}
	for range 200 {
		addr := FreeAddr(t)
		if given[addr] {
			t.Fatalf("%s was given before", addr)
		}
		given[addr] = true
		if _, port, _ := net.SplitHostPort(addr); port >= "32768" || len(port) != 5 {
			t.Fatalf("%s is a port for outgoing connections", addr)
		}
		for range 2 {
			l, err := net.Listen("tcp", addr)
			if err != nil {
				t.Fatal(err)
			}
			l.Close()
		}
	}
}
