package gateway

import (
	"context"
	"time"
)

// desk takes what operators ask for, and ends it when its time is over. It has its own
// goroutine: it writes to the disk, which nothing else may wait for.
type desk struct {
	g *Gateway
}

// deskEvery is how often the desk looks.
const deskEvery = 500 * time.Millisecond

func newDesk(g *Gateway) *desk { return &desk{g: g} }

func (d *desk) run(ctx context.Context) {
	tick := time.NewTicker(deskEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			d.g.endMutes(now)
		}
	}
}
