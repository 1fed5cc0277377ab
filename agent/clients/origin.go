package clients

import (
	"bytes"
	"cmp"
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// address is the owner of a connection from the network.
func address(c net.Conn) string {
	ip := remote(c)
	if ip.Is6() {
		b := ip.As16()
		clear(b[8:]) // what one client may choose from
		ip = netip.AddrFrom16(b)
	}
	return ip.String()
}

// isLocal tells whether a connection comes from this computer.
func isLocal(c net.Conn) bool {
	_, unix := c.(*net.UnixConn)
	return unix || remote(c).IsLoopback()
}

func remote(c net.Conn) netip.Addr {
	a, _ := c.RemoteAddr().(*net.TCPAddr)
	return cmp.Or(a, &net.TCPAddr{}).AddrPort().Addr().Unmap()
}

// peeked are buffers for what clients have sent, as large as the header of a request may
// be.
var peeked = sync.Pool{New: func() any { return new([8 << 10]byte) }}

// asked waits until a whole request header, or the whole first message of TLS, has come,
// or more than a header may have, and leaves it to be read. It returns false if the
// client has gone or the read deadline has passed.
func asked(nc net.Conn) (tls, ok bool) {
	s, _ := nc.(syscall.Conn)
	if s == nil {
		return false, true // nothing is known of it
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return false, false
	}
	err = raw.Read(func(fd uintptr) bool {
		b := peeked.Get().(*[8 << 10]byte)
		defer peeked.Put(b)
		n, err := 0, error(syscall.EINTR)
		for err == syscall.EINTR {
			n, _, err = syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		}
		if err == syscall.EAGAIN {
			return false
		}
		if err != nil || n == 0 {
			return true
		}
		tls, ok = whole(b[:n])
		return ok
	})
	return tls, ok && err == nil
}

// whole tells whether b has a whole request header or a whole first message of TLS, or
// is as long as it may be, or is no request at all, which the server says.
func whole(b []byte) (tls, ok bool) {
	full := len(b) == cap(b)
	if b[0] == 22 { // RFC 8446 §5.1: handshake, version, length
		return true, full || len(b) >= 5 && len(b) >= 5+int(b[3])<<8+int(b[4])
	}
	line, rest, found := bytes.Cut(b, []byte("\n"))
	if found && !bytes.Contains(line, []byte(" HTTP/")) {
		return false, true
	}
	for found && !full && len(bytes.TrimSuffix(line, []byte("\r"))) > 0 { // RFC 9112 §2.2: an empty line ends it
		line, rest, found = bytes.Cut(rest, []byte("\n"))
	}
	return false, found || full
}
