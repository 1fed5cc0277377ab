package control

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// Peer is the process at the other end of the socket, as the kernel tells it. The
// zero Peer is the process that sent SIGHUP, which the kernel does not tell.
type Peer struct {
	PID int32  `json:"pid"`
	UID uint32 `json:"uid"`
	GID uint32 `json:"gid"`
}

// String is for logs.
func (p Peer) String() string {
	if p == (Peer{}) {
		return "signal"
	}
	return fmt.Sprintf("uid %d, pid %d", p.UID, p.PID)
}

type peerKey struct{}

// withPeer adds the peer of a connection to the context of its requests. The kernel
// recorded it when the client connected (SO_PEERCRED, unix(7)).
func withPeer(ctx context.Context, c net.Conn) context.Context {
	if limited, ok := c.(*limitedConn); ok {
		c = limited.Conn
	}
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *syscall.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}) != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, Peer{cred.Pid, cred.Uid, cred.Gid})
}

// peerOf is the peer of a request; false if the kernel did not tell it.
func peerOf(ctx context.Context) (Peer, bool) {
	p, ok := ctx.Value(peerKey{}).(Peer)
	return p, ok
}
