// Package debian downloads Debian packages for another architecture than this
// machine's, for the scripts that emulate one: kernels of boards, libraries for Arm.
// It installs nothing.
//
// # Why
//
// `dpkg --add-architecture` needs root and changes the machine that runs the test.
// An apt with private folders needs no root, and it verifies the signatures of the
// archive in the same way.
package debian
