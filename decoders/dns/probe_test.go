package dns

import (
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// A name query of the NetBIOS Name Service (RFC 1002 section 4.2.12) is a
// well-formed DNS message in all but its name.
func TestNetBIOSIsNotDNS(t *testing.T) {
	query := func(name string) []byte {
		return []byte("\x80\x98\x01\x10\x00\x01\x00\x00\x00\x00\x00\x00\x20" + name + "\x00\x00\x20\x00\x01")
	}
	if v, _ := probe(events.FromClient, query("FHEPFCELEHFCEPFFFACACACACACACABL")); v != decoders.No {
		t.Errorf("NetBIOS name: %v, want no", v)
	}
	if v, _ := probe(events.FromClient, query("fhepfcelehfcepfffacacacacacacabl")); v == decoders.No {
		t.Error("a name of 32 other letters: no")
	}
}
