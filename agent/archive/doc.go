// Package archive writes and reads files that hold others: backups, and the evidence of
// an incident.
//
// An archive is a tar file (ustar, POSIX.1-1988) without compression, so that any
// tar opens it. Its last entry, SHA256SUMS, has the sum of each other, in the form of
// sha256sum(1):
//
//	tar xf FILE && sha256sum -c SHA256SUMS
//
// It holds regular files only. Read refuses everything else that tar knows: links,
// devices, folders, sparse files, names that are absolute or have `..`. Nothing in an
// archive is longer than the archive, so none can unpack to more than it is.
//
// It does not know what the files are, and opens none. The package archive/tar of the
// standard library would cost 60 KiB of the program, for forms that must be refused.
package archive
