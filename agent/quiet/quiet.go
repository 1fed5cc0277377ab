// Package quiet keeps the standard logger silent while libraries are initialised. The
// metrics library reads the kernel's pressure files then, and says on stderr that they
// are not there, as on a Raspberry Pi, whatever verb was called.
//
// The package is initialised before that library, because the library imports net/http:
// Go initialises packages by their dependencies and then by their paths, and this one
// needs no more than log, which net/http needs too. Who imports the library imports this
// package as well, and sets the output of the logger again in its own init.
package quiet

import (
	"io"
	"log"
)

func init() { log.SetOutput(io.Discard) }
