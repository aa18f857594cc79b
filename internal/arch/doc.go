// Package arch holds the import rules of the architecture, as a test. It has
// no code that runs.
package arch
