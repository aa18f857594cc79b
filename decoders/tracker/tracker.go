// Package tracker reads what a BitTorrent client and its tracker say in an
// HTTP exchange (BEP 3, 7, 23, 24, 48): the query of the request, and the
// bencoded answer. It must not know HTTP: http1 opens it, and hands it the
// target and the body.
package tracker

import (
	"strconv"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/bencode"
	"github.com/wiretale/wiretale/events"
)

const name = "tracker"

// transport is what the events of this package say.
const transport = "http"

// Proto is the tracker's side of HTTP. It has no ports and no content of its
// own: it is opened by name.
var Proto = decoders.Proto{
	Name:   name,
	Probe:  func(from events.Dir, _ []byte) (decoders.Verdict, events.Dir) { return decoders.No, from },
	Stream: func(env decoders.Env) decoders.Stream { return newStream(env) },
	Doc:    "BitTorrent trackers over HTTP: announces and scrapes",
}

// stream is one exchange.
type stream struct {
	env     decoders.Env
	hint    decoders.HintHTTP
	sides   [2]side
	action  string // of the request; "": it was not captured
	request uint64 // frame of its event
}

// side collects what one side says.
type side struct {
	held  []byte
	first decoders.Mark
	last  uint64 // frame of the last bytes
	torn  bool   // bytes were lost: what is held ends there
	full  bool   // the limit was reached
}

func newStream(env decoders.Env) *stream {
	s := &stream{env: env}
	s.hint, _ = env.Hint.(decoders.HintHTTP)
	return s
}

// Data implements decoders.Stream.
func (s *stream) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	d := &s.sides[w.From]
	if len(d.held) == 0 {
		d.first = w.At(0)
	}
	d.last = w.Frame
	b := w.Bytes
	if !d.torn && !d.full {
		limit := s.env.Limits.TrackerBody
		if room := limit - len(d.held); len(b) > room {
			d.full = true
			out.Limit("tracker-body", limit, "the rest of what a tracker was asked, or answered, is not read", int64(len(b)-room))
			b = b[:room]
		}
		d.held = append(d.held, b...)
	}
	return len(w.Bytes), 0, nil
}

// Gap implements decoders.Stream.
func (s *stream) Gap(from events.Dir, _ int64, _ decoders.Sink) error {
	s.sides[from].torn = true
	return nil
}

// End implements decoders.Stream: what a side said is read as a whole.
func (s *stream) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d := &s.sides[from]
	whole := why == events.EndFIN && !d.torn && !d.full
	if len(d.held) > 0 {
		if from == events.FromClient {
			s.readRequest(d, whole, out)
		} else {
			s.readResponse(d, whole, out)
		}
	}
	d.held = nil
}

func emit(from events.Dir, b events.Body, whole bool, out decoders.Sink) {
	if whole {
		out.Emit(from, b)
	} else {
		out.Truncated(from, b)
	}
}

func violation(from events.Dir, out decoders.Sink, reason string) {
	out.Emit(from, &events.FlowViolation{Protocol: name, Reason: reason})
}

// readResponse reads the bencoded answer. Of one whose end is missing, what is
// there is said.
func (s *stream) readResponse(d *side, whole bool, out decoders.Sink) {
	v := bencode.Value(d.held)
	if whole {
		var err error
		switch v, _, err = bencode.Read(d.held, s.env.Limits.BencodeDepth, s.env.Limits.BencodeItems); {
		case err == bencode.ErrDepth:
			out.Limit("bencode-depth", s.env.Limits.BencodeDepth, "the answer of a tracker is not read", int64(len(d.held)))
			return
		case err == bencode.ErrItems:
			out.Limit("bencode-items", s.env.Limits.BencodeItems, "the answer of a tracker is not read", int64(len(d.held)))
			return
		case err != nil, v.Kind() != bencode.Dict:
			violation(events.FromServer, out, "the answer is no bencoded dictionary (BEP 3)")
			return
		}
	}
	if v.Kind() != bencode.Dict {
		return
	}
	r := &events.TrackerResponse{
		Tracker: transport, Action: s.action, RequestFrame: s.request, FirstFrame: d.first.Frame,
		Seeders: number(v, "complete"), Leechers: number(v, "incomplete"), Completed: number(v, "downloaded"),
		Failure: text(v, "failure reason"), Warning: text(v, "warning message"),
	}
	r.Interval, _ = v.GetInt("interval")
	r.MinInterval, _ = v.GetInt("min interval")
	if b, ok := v.GetBytes("external ip"); ok {
		r.ExternalIP = address(b)
	}
	r.Peers = readPeers(v)
	readFiles(r, v)
	emit(events.FromServer, r, whole && s.action != "", out)
}

func number(v bencode.Value, key string) *int64 {
	n, ok := v.GetInt(key)
	if !ok {
		return nil
	}
	return &n
}

func text(v bencode.Value, key string) string {
	b, _ := v.GetBytes(key)
	return string(b)
}

// readFiles reads the answer to a scrape (BEP 48): of one torrent as counts of
// the whole, of several as a list.
func readFiles(r *events.TrackerResponse, v bencode.Value) {
	files, ok := v.Get("files")
	if !ok {
		return
	}
	var list []events.TrackerFile
	for hash, f := range files.Dict() {
		x := events.TrackerFile{InfoHash: hexOf(hash)}
		x.Seeders, _ = f.GetInt("complete")
		x.Leechers, _ = f.GetInt("incomplete")
		x.Completed, _ = f.GetInt("downloaded")
		list = append(list, x)
	}
	if len(list) == 1 {
		x := list[0]
		r.Seeders, r.Leechers, r.Completed = &x.Seeders, &x.Leechers, &x.Completed
		return
	}
	r.Files = list
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
