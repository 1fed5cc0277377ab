package demo

import "errors"

// ErrNoBroker tells that this build holds no broker.
var ErrNoBroker = errors.New("this build has no broker: build with tag demo (make run), or name a broker's URL")
