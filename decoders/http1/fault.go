package http1

import "github.com/wiretale/wiretale/decoders"

// faults is a set of things in one head that break RFC 9112 and that peers
// are known to read in different ways, or to live with.
type faults uint32

const (
	spacedStart faults = 1 << iota
	spaceBeforeColon
	folded
	noColon
	badName
	nul
	bareCR
	leadingSpace
	badLength
	twoLengths
	lengthAndCoding
	chunkedNotLast
	codingIn10
	noHost
	twoHosts
)

var faultReasons = [...]string{
	"white space inside the start line (RFC 9112 section 3.2)",
	"white space before the colon of a field (RFC 9112 section 5.1)",
	"folded field line (RFC 9112 section 5.2)",
	"field line without a colon (RFC 9112 section 5)",
	"field name is not a token (RFC 9110 section 5.1)",
	"NUL in a head (RFC 9110 section 5.5)",
	"bare CR in a head (RFC 9112 section 2.2)",
	"white space before the first field (RFC 9112 section 2.2)",
	"Content-Length is not a number (RFC 9112 section 6.3)",
	"Content-Length fields differ (RFC 9112 section 6.3)",
	"both Transfer-Encoding and Content-Length (RFC 9112 section 6.3)",
	"chunked is not the final transfer coding (RFC 9112 section 6.3)",
	"Transfer-Encoding in HTTP/1.0 (RFC 9112 section 6.1)",
	"HTTP/1.1 request without Host (RFC 9112 section 3.2)",
	"several Host fields (RFC 9112 section 3.2)",
}

// tell emits one violation a fault.
func (d *side) tell(f faults, out decoders.Sink) {
	for i := 0; f != 0; i++ {
		if f&1 != 0 {
			violation(d.from, out, faultReasons[i])
		}
		f >>= 1
	}
}
