// Package debian gets packages of Debian for another architecture than this
// machine's, for the scripts that emulate one: kernels of boards, libraries of
// Arm. It installs nothing.
//
// # Why
//
// `dpkg --add-architecture` needs root and changes the machine of whoever runs a
// test. An apt with folders of its own does not, and verifies the archive's
// signatures all the same.
package debian
