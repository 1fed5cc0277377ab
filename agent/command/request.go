package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Verb is what may be asked.
type Verb string

// The verbs.
const (
	Ack  Verb = "ack"  // acknowledge an event
	Mute Verb = "mute" // mute a machine for a while, or end that
)

const (
	maxText = 300 // bytes of one text of a request

	// MaxPayload is how many bytes a request may have.
	MaxPayload = 1024
	// MuteMost is how long a machine may be muted over MQTT.
	MuteMost = 8 * time.Hour
)

// Request is what somebody asks. Who is what he says of himself: nobody has proved it.
type Request struct {
	Challenge string
	ID        string // of ack: the event
	Machine   string // of mute
	For       string // of mute: "90m", at most MuteMost; "0s" = no more
	Note      string
	Who       string

	Span time.Duration // of For
}

// Verbs are all verbs.
func Verbs() []Verb { return []Verb{Ack, Mute} }

// parse reads the request of a verb. Keys that it does not know, keys of the other verb,
// missing ones and anything behind the object are errors.
func parse(v Verb, payload []byte) (Request, error) {
	if len(payload) > MaxPayload {
		return Request{}, fmt.Errorf("more than %d bytes", MaxPayload)
	}
	if !utf8.Valid(payload) {
		return Request{}, errors.New("the text is not UTF-8")
	}
	r, err := read(json.NewDecoder(bytes.NewReader(payload)))
	if err != nil {
		return Request{}, err
	}
	if r.Who == "" {
		return Request{}, errors.New("who is missing")
	}
	return r, r.check(v)
}

// read reads one object of texts, each key once, and nothing behind it.
func read(d *json.Decoder) (r Request, err error) {
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return r, errors.New("no JSON object")
	}
	keys := map[string]*string{"challenge": &r.Challenge, "id": &r.ID, "machine": &r.Machine, "for": &r.For, "note": &r.Note, "who": &r.Who}
	for d.More() {
		key, _ := d.Token()
		value, err := d.Token()
		name, _ := key.(string)
		text, ok := value.(string)
		dst := keys[name]
		switch {
		case dst == nil || err != nil || !ok:
			return r, fmt.Errorf("%q: want challenge, id, machine, for, note and who, each at most once, and texts", name)
		case len(text) > maxText:
			return r, fmt.Errorf("%s has more than %d bytes", name, maxText)
		case strings.ContainsFunc(text, unicode.IsControl): // terminals obey them
			return r, fmt.Errorf("%s has a control character", name)
		}
		*dst = text
		delete(keys, name)
	}
	if t, err := d.Token(); err != nil || t != json.Delim('}') {
		return r, errors.New("the object does not end")
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return r, errors.New("something follows the object")
	}
	return r, nil
}

// check checks the keys of a verb.
func (r *Request) check(v Verb) error {
	if v == Ack {
		if r.ID == "" || r.Machine != "" || r.For != "" {
			return errors.New("ack wants challenge, id, who and perhaps note")
		}
		return nil
	}
	if r.Machine == "" || r.For == "" || r.ID != "" {
		return errors.New("mute wants challenge, machine, for, who and perhaps note")
	}
	var err error
	if r.Span, err = time.ParseDuration(r.For); err != nil || r.Span < 0 || r.Span > MuteMost {
		return fmt.Errorf("for %q: want at most %v, such as 90m, or 0s to end it", r.For, MuteMost)
	}
	return nil
}
