//go:build !linux

package privilege

import "runtime"

// Drop gives up privileges and says what it did, a sentence each. Here it does
// nothing.
func Drop(Options) ([]string, error) {
	return []string{"Privileges are kept: dropping them is not supported on " + runtime.GOOS + "."}, nil
}
