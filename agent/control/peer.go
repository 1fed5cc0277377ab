package control

import (
	"context"
	"fmt"
	"net"
	"os/user"
	"strconv"
	"syscall"

	"iot-edge-anomaly/agent/clients"
)

// Peer is the process at the other end of the socket, as the kernel tells it. The
// zero Peer is the process that sent SIGHUP, which the kernel does not tell.
type Peer struct {
	PID int32  `json:"pid"`
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
	// Name is who a command over MQTT says that it is from; empty = it came from here.
	Name string `json:"name,omitempty"`
}

// String is for logs.
func (p Peer) String() string {
	if p == (Peer{}) {
		return "signal"
	}
	if p.Name != "" {
		return p.Name
	}
	return fmt.Sprintf("uid %d, pid %d", p.UID, p.PID)
}

// Who is the name of the user, for people.
func (p Peer) Who() string {
	uid := strconv.FormatUint(uint64(p.UID), 10)
	if u, err := user.LookupId(uid); err == nil {
		return u.Username
	}
	return "uid " + uid
}

type peerKey struct{}

// withPeer adds the connection and its peer to the context of its requests. The kernel
// recorded the peer when the client connected (SO_PEERCRED, unix(7)).
func withPeer(ctx context.Context, c net.Conn) context.Context {
	ctx = clients.Context(ctx, c)
	if inner, ok := c.(interface{ NetConn() net.Conn }); ok {
		c = inner.NetConn()
	}
	if p, ok := peer(c); ok {
		ctx = context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// peer is the process at the other end of a connection; false if the kernel does not
// tell it.
func peer(c net.Conn) (Peer, bool) {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return Peer{}, false
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return Peer{}, false
	}
	var cred *syscall.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}) != nil || err != nil {
		return Peer{}, false
	}
	return Peer{PID: cred.Pid, UID: cred.Uid, GID: cred.Gid}, true
}

// owner is the user whose connection it is.
func owner(c net.Conn) string {
	p, _ := peer(c)
	return strconv.Itoa(int(p.UID))
}

// peerOf is the peer of a request; false if the kernel did not tell it.
func peerOf(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(Peer)
	return p, ok
}
