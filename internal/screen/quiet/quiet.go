// Package quiet keeps bubbletea from talking to the terminal before anybody
// asked for a screen. It must not import anything but os.
//
// Bubbletea asks the terminal for its background colour while the program
// starts, so that `wiretale analyze`, too, would write escape sequences, swallow
// what was typed ahead, and wait for an answer where there is none. It does not
// ask when the environment says CI. Go initialises the package that comes first
// by name among those whose imports are ready (The Go Programming Language
// Specification, Package initialization): this one needs os only, bubbletea
// needs os/signal, which comes after it by name.
package quiet

import "os"

const variable = "CI"

var before, set = hide()

func hide() (string, bool) {
	value, set := os.LookupEnv(variable)
	os.Setenv(variable, "1")
	return value, set
}

// Restore puts the environment back as it was. A package that imports bubbletea
// calls it when it is initialised itself.
func Restore() (done bool) {
	if set {
		return os.Setenv(variable, before) == nil
	}
	return os.Unsetenv(variable) == nil
}
