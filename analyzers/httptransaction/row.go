package httptransaction

import (
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// ending is how an exchange ended. time is 0 where its end was not seen.
type ending struct {
	outcome Outcome
	reason  string
	time    events.Time
	frame   uint64
	body    *events.HTTPBody
	broken  bool // the last byte never came
}

// Places in Store.Times.
const (
	atBlocked = iota
	atConnect
	atIdle
	atSend
	atWait
	atReceive
	atTotal
	atResponse
)

// row gives out one exchange.
func row(k events.StreamKey, s *state, x *exchange, end ending, emit analyzers.Emit) {
	r := x.request
	v := &Transaction{
		Outcome: end.outcome, Reason: end.reason, Stream: x.stream, HTTPStream: r.HTTPStream,
		Method: r.Method, Host: r.Host, Version: r.Version, Number: x.number,
		RequestHeadBytes: r.Bytes, RequestFirstFrame: r.FirstFrame, RequestFrame: x.requestFrame,
		Interim: x.interim,
	}
	switch {
	case x.requestFrame == 0, s.opening == unseen && x.first:
		v.Connection = ConnectionUndecided
	case x.first:
		v.Connection = ConnectionNew
	default:
		v.Connection = ConnectionReused
	}
	if x.upload != nil {
		v.RequestBodyBytes, v.RequestEndFrame = x.upload.WireBytes, x.requestEnd
	}
	if p := x.response; p != nil {
		v.Status, v.StatusReason = p.Status, p.Reason
		v.ResponseHeadBytes, v.ResponseFirstFrame, v.ResponseFrame = p.Bytes, p.FirstFrame, x.responseFrame
		if x.requestFrame == 0 {
			v.Version = p.Version
		}
		v.ContentEncoding = events.Get(p.Headers, "Content-Encoding")
		v.ContentType = events.Get(p.Headers, "Content-Type")
	}
	if b := end.body; b != nil {
		v.ResponseWireBytes, v.ResponseBodyBytes, v.DecodedBytes, v.MissingBytes = b.WireBytes, b.Bytes, b.DecodedBytes, b.Missing
		v.ResponseEndFrame = end.frame
	}
	v.phases(s, x, end)
	v.write(k, s, x, emit)
}

func (v *Transaction) set(at int, d events.Duration) *events.Duration {
	v.Store.Times[at] = d
	return &v.Store.Times[at]
}

// phases splits the time of the exchange.
func (v *Transaction) phases(s *state, x *exchange, end ending) {
	asked := x.requestFrame != 0
	r, p := x.request, x.response
	if asked {
		uploaded := !r.HasBody || x.upload != nil && x.upload.Complete
		if uploaded {
			v.Phases.Send = v.set(atSend, max(x.requestTime.Sub(r.FirstTime), 0))
		}
		if v.Connection == ConnectionNew && s.ready != 0 && s.ready <= r.FirstTime {
			v.Phases.Connect = v.set(atConnect, s.ready.Sub(s.start))
			if !strings.Contains(x.layer, "/tls") {
				v.Phases.Idle = v.set(atIdle, r.FirstTime.Sub(s.ready))
			}
		}
		if p != nil {
			// Of the time between request and response, what an earlier
			// response took is not this one's. Streams of HTTP/2 and 3 do not
			// queue that way.
			free := x.requestTime
			if r.HTTPStream == 0 && x.previousEnd != 0 {
				v.Pipelined = x.previousEnd > r.FirstTime
				free = max(free, min(x.previousEnd, p.FirstTime))
				v.Phases.Blocked = v.set(atBlocked, free.Sub(x.requestTime))
			}
			v.Early = p.FirstTime < x.requestTime || !uploaded
			v.Phases.Wait = v.set(atWait, max(p.FirstTime.Sub(free), 0))
		}
	}
	if p == nil || end.time == 0 || end.broken {
		return
	}
	v.Phases.Receive = v.set(atReceive, end.time.Sub(p.FirstTime))
	if asked {
		v.ResponseTime = v.set(atResponse, end.time.Sub(x.requestTime))
		start := r.FirstTime
		if v.Phases.Connect != nil {
			start = s.start
		}
		v.Total = v.set(atTotal, end.time.Sub(start))
	}
}

// write sets the frames and texts of the row, all texts in one string, and
// emits it.
func (v *Transaction) write(k events.StreamKey, s *state, x *exchange, emit analyzers.Emit) {
	fs := v.Store.Frames[:0]
	if v.Phases.Connect != nil {
		fs = append(fs, s.frame)
	}
	for _, f := range [...]uint64{v.RequestFirstFrame, v.RequestFrame, v.RequestEndFrame, v.ResponseFirstFrame, v.ResponseFrame, v.ResponseEndFrame} {
		if f != 0 && (len(fs) == 0 || fs[len(fs)-1] != f) {
			fs = append(fs, f)
		}
	}
	slices.Sort(fs)
	fs = slices.Compact(fs)
	if len(fs) == 0 {
		fs = append(fs, s.frame) // no message names its frame
	}
	v.Frames = fs

	var room [512]byte
	b := room[:0]
	b = append(b, events.TransportName(k.Proto)...)
	b = append(b, ':')
	b = strconv.AppendUint(b, uint64(k.Stream), 10)
	if v.HTTPStream != 0 {
		b = append(b, '/')
		b = strconv.AppendUint(b, v.HTTPStream, 10)
	}
	b = append(b, ' ')
	url := len(b)
	if x.requestFrame == 0 {
		b = append(b, "unknown request"...)
	} else {
		b = append(b, v.Method...)
		b = append(b, ' ')
		url = len(b)
		b = appendURL(b, x)
	}
	key := len(b)
	b = append(b, events.TransportName(k.Proto)...)
	b = append(b, ".stream eq "...)
	b = strconv.AppendUint(b, uint64(k.Stream), 10)
	b = append(b, " && frame.number in {"...)
	b = strconv.AppendUint(b, fs[0], 10)
	if last := fs[len(fs)-1]; last != fs[0] {
		b = append(b, ".."...)
		b = strconv.AppendUint(b, last, 10)
	}
	b = append(b, '}')
	filter := len(b)
	client, server := x.flow.Ends()
	b = client.AppendTo(b)
	ends := len(b)
	b = server.AppendTo(b)
	t := string(b)
	if x.requestFrame != 0 {
		v.URL = t[url:key]
	}
	v.Filter, v.Client, v.Server = t[key:filter], t[filter:ends], t[ends:]
	emit(t[:key], v)
}

// appendURL puts the request's URL together (RFC 9110 section 7.1).
func appendURL(b []byte, x *exchange) []byte {
	r := x.request
	if r.Method == "CONNECT" || strings.Contains(r.Target, "://") {
		return append(b, r.Target...)
	}
	switch {
	case r.Scheme != "":
		b = append(b, r.Scheme...)
	case strings.Contains(x.layer, "/tls"), x.flow.Proto == events.ProtoUDP:
		b = append(b, "https"...)
	default:
		b = append(b, "http"...)
	}
	b = append(b, "://"...)
	if r.Host != "" {
		b = append(b, r.Host...)
	} else {
		_, server := x.flow.Ends()
		b = server.AppendTo(b)
	}
	if r.Target == "*" { // OPTIONS *
		return b
	}
	return append(b, r.Target...)
}
