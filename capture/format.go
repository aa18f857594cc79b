package capture

import (
	"bytes"
	"errors"
	"fmt"
)

var errEmpty = errors.New("the file is empty")

// ErrFormat is in the chain of the Error of a file that is no capture, or of a
// kind that is not read.
var ErrFormat = errors.New("not a pcap, pcapng, snoop or Network Monitor file")

// others are formats that are met in practice and not read, by their first
// bytes.
var others = []struct{ magic, name string }{
	{"RTSS", "a Microsoft Network Monitor 1 file"},
	{"TRSNIFF data", "a Sniffer file"},
	{"XCP\x00", "a NetXRay file"},
	{"\x04\x22\x4d\x18", "compressed with lz4"},
	{"BZh", "compressed with bzip2"},
	{"\xfd7zXZ\x00", "compressed with xz"},
	{"PK\x03\x04", "a zip archive"},
	{"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"},
	{"\x1f\x8b", "compressed twice"},
	{"\x28\xb5\x2f\xfd", "compressed twice"},
}

func unknownFormat(head []byte) error {
	for _, o := range others {
		if bytes.HasPrefix(head, []byte(o.magic)) {
			return fmt.Errorf("%w: it is %s", ErrFormat, o.name)
		}
	}
	return fmt.Errorf("%w: it starts with % x", ErrFormat, head[:min(4, len(head))])
}
