package stage

import "bytes"

// Span is a place in what a side said.
type Span struct{ From, To int }

// NextLine is the line that begins at a place, without its end, and the place
// after it. ok is false where no line ends any more.
func NextLine(b []byte, at int) (line string, next int, ok bool) {
	n := bytes.IndexByte(b[at:], '\n')
	if n < 0 {
		return "", at, false
	}
	return string(bytes.TrimSuffix(b[at:at+n], []byte("\r"))), at + n + 1, true
}
