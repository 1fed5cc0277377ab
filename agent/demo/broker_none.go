//go:build !demo

package demo

// StartBroker returns ErrNoBroker: the embedded broker is in builds with tag
// demo only, so that no gateway carries one.
func StartBroker(string) (url string, stop func(), err error) { return "", nil, ErrNoBroker }
