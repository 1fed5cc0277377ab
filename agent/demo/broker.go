package demo

import "errors"

// ErrNoBroker tells that this build has no broker.
var ErrNoBroker = errors.New("this build has no broker: build with tag demo (make run), or name a broker's URL")
