package mqtt

import (
	"bytes"
	"slices"
	"sync"

	"iot-edge-anomaly/agent/spool"
)

// offerBytes bounds the payloads that wait in memory.
const offerBytes = 256 << 10

// OfferStats are about what was given to Offer.
type OfferStats struct {
	Offered      uint64 // messages
	OfferDropped uint64 // of them, those that were not delivered: too many waited, the connection ended, or the broker does not take the topic
}

// offers wait in memory. It is safe for concurrent use.
type offers struct {
	mu    sync.Mutex
	list  []spool.Message
	bytes int
	stats OfferStats
}

// Offer publishes payload on topic with QoS 1, after what was offered before, and at
// most once: what is in flight when the connection ends is not sent again. Without a
// connection up to 256 KiB wait in memory, or the newest alone if it is larger; then the
// oldest is dropped, as is what waits for a topic when SetRetained is called for it.
// Offer does not wait.
func (c *Client) Offer(topic string, payload []byte, retain bool) {
	c.offers.add(spool.Message{Topic: topic, Payload: bytes.Clone(payload), Retain: retain})
	c.signal()
}

func (o *offers) add(m spool.Message) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stats.Offered++
	o.list, o.bytes = append(o.list, m), o.bytes+len(m.Payload)
	for o.bytes > offerBytes && len(o.list) > 1 {
		o.drop()
	}
}

// drop drops the oldest; mu is held.
func (o *offers) drop() {
	o.take()
	o.stats.OfferDropped++
}

// take removes the oldest; mu is held.
func (o *offers) take() spool.Message {
	m := o.list[0]
	o.list[0] = spool.Message{}
	o.list = o.list[1:]
	o.bytes -= len(m.Payload)
	return m
}

// forget drops what waits for a topic.
func (o *offers) forget(topic string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = slices.DeleteFunc(o.list, func(m spool.Message) bool {
		if m.Topic != topic {
			return false
		}
		o.bytes -= len(m.Payload)
		o.stats.OfferDropped++
		return true
	})
}

// lost counts one that was taken and not delivered.
func (o *offers) lost() {
	o.mu.Lock()
	o.stats.OfferDropped++
	o.mu.Unlock()
}

func (o *offers) load() OfferStats {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stats
}

// nextOffer takes the oldest whose topic the broker may take, and drops those before
// it.
func (s *session) nextOffer() (spool.Message, bool) {
	o := &s.offers
	o.mu.Lock()
	defer o.mu.Unlock()
	for len(o.list) > 0 {
		if s.refusals.mayTry(o.list[0].Topic, o.list[0].Retain) {
			return o.take(), true
		}
		o.drop()
	}
	return spool.Message{}, false
}
