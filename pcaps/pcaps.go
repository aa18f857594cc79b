// Package pcaps has no code: it is the folder of captures whose truth is known,
// and how they are made again.
package pcaps

//go:generate ./generate.sh
