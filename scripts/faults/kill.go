package main

import (
	"fmt"
	"math/rand/v2"
	"syscall"
	"time"
)

// kill ends the program by SIGKILL while events arise.
//
// What is on its way to the broker then comes again, and how much that is depends on how
// long the broker takes to acknowledge. So with a make that takes its time (RabbitMQ
// collects what it writes), what counts is what it had acknowledged.
func kill(t *trial) error {
	b, err := t.startBroker("")
	if err != nil {
		return err
	}
	p, err := t.startTap(b.addr)
	if err != nil {
		return err
	}
	addr, n := b.addr, t.pick(4, 20, 1000)
	if t.broker != "" {
		addr, n = p.addr, min(n, 200)
	}
	a, err := t.begin(stream(addr))
	if err != nil {
		return err
	}
	fault := fmt.Sprintf("kill -9 x%d", n)
	for range n {
		before := len(b.all())
		if err := await(time.Minute, "messages after a start", func() bool { return len(b.all()) > before+40 || !a.Running() }); err != nil {
			return err
		}
		time.Sleep(rand.N(600 * time.Millisecond))
		a.End(syscall.SIGKILL)
		if err := a.start(); err != nil {
			return err
		}
	}
	if err := a.settle(b); err != nil {
		return err
	}
	sum, sent := balanceOf(b.all()), p.sums()
	t.inOrder(fault, sum)
	switch all := float64(max(sum.messages, 1)); {
	case t.short: // a busy machine is killed with more in flight
	case t.broker == "":
		t.expect(100*float64(sum.repeated)/all <= 1, fault+": repeated", "<= 1 %", "%.2f %% (%d of %d)", 100*float64(sum.repeated)/all, sum.repeated, sum.messages)
	default:
		t.expect(100*float64(sent.known)/all <= 1, fault+": repeated after the broker had acknowledged it (before: at its own pace)", "<= 1 %", "%.2f %% (%d, and %d before, of %d)",
			100*float64(sent.known)/all, sent.known, sent.again-sent.known, sum.messages)
	}
	t.expect(sum.unmarked == 0, fault+": repeated without `resent`", "0", "%d", sum.unmarked)
	return nil
}
