package http1

import (
	"strings"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// openTracker hands a request to a BitTorrent tracker (BEP 3, BEP 48) over; nil
// where it is none. The feed is ended with the body of the response, or with
// the wait for it.
func (c *call) openTracker(e *events.HTTPRequest) decoders.Feed {
	if _, query, _ := strings.Cut(e.Target, "?"); e.Method != "GET" || !strings.Contains(query, "info_hash=") {
		return nil
	}
	f := c.out.Open(decoders.Next{Protocol: "tracker", Hint: decoders.HintHTTP{
		Method: e.Method, Host: e.Host, FirstFrame: e.FirstFrame,
	}})
	f.Data(events.FromClient, []byte(e.Target))
	f.End(events.FromClient, events.EndFIN)
	return f
}

// unanswered ends what waits for the body of a response that will not come.
func (e *exchange) unanswered() {
	if e.inner != nil {
		e.inner.End(events.FromServer, events.EndCaptureOver)
		e.inner = nil
	}
}
