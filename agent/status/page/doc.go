// Package page is the agent's web page: three static files in the binary, and
// the shape of the JSON document they show.
//
// It does not know the agent. Whoever serves the page fills a State once a
// second per reader at most; the page asks for api/v1/state, relative to its own
// address, so that it also works below a reverse proxy's path.
//
// # Why plain files
//
// The page must open on a gateway without a way to the internet, on the
// phone of whoever stands before the machine. So there is no framework, no
// font, no content from elsewhere, and the content security policy forbids
// all of it: a channel's name in a configuration or a device's error text can
// do nothing but appear as text.
package page
