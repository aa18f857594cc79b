package decoders

import "github.com/wiretale/wiretale/events"

// HintUpgrade is handed over with the Switch after "101 Switching Protocols"
// (RFC 9110 section 15.2.2): what HTTP/1.1 knows when it leaves.
type HintUpgrade struct {
	Protocol string // the token agreed on, lower case: "h2c", "websocket", …
	// Request is the request that asked for the upgrade (secrets already
	// replaced unless they were asked for); nil when it was not captured.
	// For h2c it is also the first request of the new protocol (stream 1).
	Request      *events.HTTPRequest
	RequestFrame uint64 // frame of its http.request; 0: not captured
	// Response is the answer that agreed to it.
	Response *events.HTTPResponse
}
