package mqtt

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"iot-edge-anomaly/agent/broker"
	"iot-edge-anomaly/agent/spool"
)

// Options of New. Broker and ClientID are required.
type Options struct {
	Broker   string // tcp:// or mqtt:// (port 1883), mqtts://, ssl:// or tls:// (port 8883)
	ClientID string // unique at the broker, at most 64 characters

	Username     string
	PasswordFile string // readable by its owner only, or a systemd credential
	CA           string // PEM file; empty = the system's
	Cert, Key    string // PEM files of the client certificate, both or none

	// Birth, Will and Offline must have the same topic; if it is empty, none of
	// them is used. They are published with QoS 1.
	Birth, Will, Offline spool.Message

	// Cleared is called when the broker has acknowledged that a retained topic is
	// empty. It must not block. May be nil.
	Cleared func(topic string)

	// Reduce makes a payload of the source or of SetRetained smaller, for a broker that does not take
	// it in full: step 1 and on, each smaller than the one before; nil = no smaller
	// form. It must be safe for concurrent use. May be nil.
	Reduce func(payload []byte, step int) []byte
	// Aside is the file in which messages are kept that the broker does not take;
	// empty = they are not kept.
	Aside string

	Listen []Listener // subscribed to together with our own status; without Birth there is none

	Dial   broker.Dialer // how the broker is reached; nil = the network
	Window int           // sent and not yet acknowledged messages, at most; 0 = 16
	Logger *slog.Logger  // nil = slog.Default()
}

// reach is how the broker is reached.
func (o *Options) reach() broker.Options {
	return broker.Options{URL: o.Broker, Username: o.Username, PasswordFile: o.PasswordFile, CA: o.CA, Cert: o.Cert, Key: o.Key}
}

// CheckFiles reads the password, the CA and the client certificate as for a
// connection, and returns all errors.
func (o *Options) CheckFiles() error { return o.reach().CheckFiles() }

// validate checks what can be checked without a file or a network.
func (o *Options) validate() (*broker.Broker, error) {
	b, err := broker.New(o.reach())
	errs := []error{err}
	if o.ClientID == "" || len(o.ClientID) > 64 || strings.ContainsFunc(o.ClientID, notID) {
		errs = append(errs, fmt.Errorf("client id %q: want 1 to 64 of A-Z a-z 0-9 _ . -", o.ClientID))
	}
	if o.Window < 0 {
		errs = append(errs, fmt.Errorf("window of %d messages", o.Window))
	}
	for _, m := range []spool.Message{o.Birth, o.Will, o.Offline} {
		if m.Topic != o.Will.Topic {
			errs = append(errs, fmt.Errorf("status topics %q and %q differ", m.Topic, o.Will.Topic))
		}
	}
	if strings.ContainsAny(o.Will.Topic, "+#\x00") { // [MQTT-3.3.2-2]
		errs = append(errs, fmt.Errorf("status topic %q: + and # are wildcards", o.Will.Topic))
	}
	return b, errors.Join(errs...)
}

func notID(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || strings.ContainsRune("_.-", r))
}
