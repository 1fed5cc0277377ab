package command

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"slices"
	"time"
)

const (
	most   = 10 // requests that are looked at within a minute
	within = time.Minute
	// turnover is how long a challenge holds at the most.
	turnover = 10 * time.Minute
)

// Gate decides which requests count. It is made by New and is not safe for concurrent
// use.
type Gate struct {
	allow     []string // verbs
	challenge string
	made      time.Time
	seen      []time.Time // requests of the last minute, oldest first
	flooded   bool        // Flood was returned since seen was last short
}

// Errors of Take beside those about what a request says.
var (
	ErrChallenge = errors.New("the challenge is not the present one: read it again and repeat")
	ErrVerb      = errors.New("not in mqtt.commands.allow")
	ErrFlood     = errors.New("more than 10 requests within a minute: others are not looked at")
)

// New makes a Gate that allows some verbs.
func New(allow []string) *Gate { return &Gate{allow: allow} }

// Challenge is the present challenge. It is a new one where renew is true, and every
// ten minutes.
func (g *Gate) Challenge(now time.Time, renew bool) string {
	if age := now.Sub(g.made); renew || g.challenge == "" || age > turnover || age < 0 {
		var b [16]byte
		rand.Read(b[:]) // never fails
		g.challenge, g.made = hex.EncodeToString(b[:]), now
	}
	return g.challenge
}

// Take reads a request and decides whether it counts. A request with the present
// challenge uses it up, whatever the error. tell is false where nobody is to be told of
// the error: too many requests are told of once.
func (g *Gate) Take(v Verb, payload []byte, now time.Time) (r Request, tell bool, err error) {
	g.seen = slices.DeleteFunc(g.seen, func(t time.Time) bool { return now.Sub(t) >= within || now.Before(t) })
	if len(g.seen) >= most {
		tell = !g.flooded
		g.flooded = true
		return Request{}, tell, ErrFlood
	}
	g.flooded = false
	g.seen = append(g.seen, now)
	if r, err = parse(v, payload); err != nil {
		return r, true, err
	}
	if !slices.Contains(g.allow, string(v)) {
		return r, true, ErrVerb
	}
	if subtle.ConstantTimeCompare([]byte(r.Challenge), []byte(g.Challenge(now, false))) != 1 {
		return r, true, ErrChallenge
	}
	g.Challenge(now, true)
	return r, true, nil
}
