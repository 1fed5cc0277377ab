//go:build !demo

package demo

import "errors"

// ErrNoBroker tells that this build holds no broker.
var ErrNoBroker = errors.New("this build has no broker: build with tag demo (make run), or name a broker's URL")

// StartBroker returns ErrNoBroker: the embedded broker is in builds with tag
// demo only, so that no gateway carries one.
func StartBroker(string) (url string, stop func(), err error) { return "", nil, ErrNoBroker }
