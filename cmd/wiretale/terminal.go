package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// terminal is what is known of an output. The zero value is no terminal.
type terminal struct {
	is            bool
	color         bool
	width, height int
}

func terminalOf(w io.Writer) terminal {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return terminal{}
	}
	t := terminal{is: true}
	// https://no-color.org: set to anything but the empty string.
	t.color = os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	if width, height, err := term.GetSize(int(f.Fd())); err == nil {
		t.width, t.height = width, height
	}
	return t
}
