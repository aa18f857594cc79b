package ftp

import "bytes"

// Bytes of Telnet (RFC 854): the control connection is one (RFC 959 section
// 3.3).
const (
	telnetSE   = 0xf0 // the lowest command
	telnetWILL = 0xfb // WILL, WONT, DO, DONT have one byte more
	telnetDONT = 0xfe
	telnetIAC  = 0xff
)

// plainText is line without Telnet's commands: before ABOR a client sends IP
// and Synch (RFC 959 section 4.1.3). IAC before a byte that is no command
// stays: clients that do not double it send it in names (0xff is "ÿ" in
// Latin-1). A command byte that stands alone at the front is what is left of
// a Synch whose IAC was sent as urgent data. The result is line itself where
// there is nothing to remove.
func plainText(line []byte) []byte {
	line = withoutSynch(line)
	i := bytes.IndexByte(line, telnetIAC)
	if i < 0 {
		return line
	}
	out := append([]byte(nil), line[:i]...)
	for ; i < len(line); i++ {
		b := line[i]
		if b != telnetIAC || i+1 == len(line) {
			out = append(out, b)
			continue
		}
		switch next := line[i+1]; {
		case next == telnetIAC:
			out = append(out, telnetIAC)
			i++
		case next >= telnetWILL && next <= telnetDONT:
			i += 2
		case next >= telnetSE:
			i++
		default:
			out = append(out, b)
		}
	}
	return withoutSynch(out)
}

// withoutSynch is line without the command bytes at its front.
func withoutSynch(line []byte) []byte {
	for len(line) > 0 && line[0] >= telnetSE && line[0] < telnetIAC && (len(line) == 1 || line[1] < 0x80 || line[1] >= telnetSE) {
		line = line[1:]
	}
	return line
}
