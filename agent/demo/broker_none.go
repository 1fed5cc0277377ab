//go:build !demo

package demo

// StartBroker returns ErrNoBroker: only builds with the tag demo have a broker, so
// that it is not on gateways.
func StartBroker(string) (url string, stop func(), err error) { return "", nil, ErrNoBroker }
