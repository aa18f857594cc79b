package main

import (
	"os"

	"github.com/wiretale/wiretale/analyzers/dnssec"
)

// readAnchors reads the file of --trust-anchor; without a name there are none.
func readAnchors(name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return dnssec.ParseAnchors(f, name)
}
