// Package page is the agent's web page: three static files in the binary, and
// the shape of the JSON document they show.
//
// It does not know the agent: whoever serves the page fills a State. Each open page
// asks for api/v1/state once a second. The address is relative to that of the page,
// so the page also works below the path of a reverse proxy.
//
// # Why plain files
//
// The page must open on the phone of somebody who stands at the machine, from a
// gateway without internet access. So it uses no framework, no font and no content
// from elsewhere, and its content security policy forbids them. The name of a
// channel or the error text of a device can therefore only appear as text.
package page
