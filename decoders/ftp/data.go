package ftp

import (
	"crypto/sha256"
	"encoding/hex"
	"hash"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Data is the data connection (RFC 959 section 3.2). Nothing in its bytes
// tells what it is: it is read only where a control connection announced it.
var Data = decoders.Proto{
	Name:   dataName,
	Probe:  func(from events.Dir, head []byte) (decoders.Verdict, events.Dir) { return decoders.No, from },
	Stream: func(env decoders.Env) decoders.Stream { return newData(env) },
	Doc:    "data connections of FTP: files and listings",
}

// partSize is the size of a part of a file that somebody wants.
const partSize = 64 << 10

// data is one data connection.
type data struct {
	env   decoders.Env
	hint  *decoders.HintFTPData
	state dataState
	sides [2]dataSide
	// sender is who sent the first byte.
	sender events.Dir
	hash   hash.Hash // nil: not wanted, or a byte is missing
	part   []byte    // waiting to be told
	parts  int64     // bytes told of
	feed   decoders.Feed
}

// dataState says what is done with the next byte.
type dataState uint8

const (
	fresh    dataState = iota // there was none yet
	counting                  // it is counted
	reading                   // and looked at: hashed, or told
	secured                   // and is TLS
	told                      // its ftp.data was told
)

type dataSide struct {
	bytes, missing int64
	first          uint64      // frame of the first byte
	from, to       events.Time // of the first byte, and of the last
	why            events.Ending
}

func newData(env decoders.Env) *data {
	h, ok := env.Hint.(*decoders.HintFTPData)
	if !ok {
		h = &decoders.HintFTPData{User: env.Flow.Client}
	}
	h.Begun = true
	return &data{env: env, hint: h}
}

// Data implements decoders.Stream.
func (d *data) Data(w decoders.Window, out decoders.Sink) (used, want int, err error) {
	s := &d.sides[w.From]
	n := len(w.Bytes)
	s.bytes += int64(n)
	s.to = w.Time
	if d.state == counting && s.first != 0 {
		return n, 0, nil
	}
	if d.state == fresh {
		d.begin(w.From, out)
	}
	if s.first == 0 && n > 0 {
		at := w.At(0)
		s.first, s.from = at.Frame, at.Time
		if w.From != d.sender && d.state != secured {
			violation(w.From, out, "both sides send on a data connection")
		}
	}
	switch {
	case d.state == secured:
		d.feed.Data(w.From, w.Bytes)
	case d.state == reading && w.From == d.sender:
		d.read(w.Bytes, out)
	}
	return n, 0, nil
}

// begin decides what is done with the bytes.
func (d *data) begin(from events.Dir, out decoders.Sink) {
	d.sender = from
	d.state = counting
	if d.hint.Protected {
		d.state = secured
		d.feed = out.Open(decoders.Next{Protocol: "tls"})
		return
	}
	content := d.wants(events.KindContentPart) && !listing(d.hint.Verb)
	if d.env.Hash || content {
		d.hash = sha256.New()
		d.state = reading
	}
	if content {
		d.part = make([]byte, 0, partSize)
	}
}

func (d *data) wants(k events.Kind) bool { return d.env.Want == nil || d.env.Want.Has(k) }

// listing: what a command gives is not a file.
func listing(verb string) bool {
	switch verb {
	case "LIST", "NLST", "MLSD":
		return true
	}
	return false
}

// read looks at bytes of the sender.
func (d *data) read(b []byte, out decoders.Sink) {
	if d.hash != nil {
		d.hash.Write(b)
	}
	for d.part != nil && d.hash != nil && len(b) > 0 { // behind a gap nothing follows what is there
		n := copy(d.part[len(d.part):partSize], b)
		d.part = d.part[:len(d.part)+n]
		b = b[n:]
		if len(d.part) == partSize {
			d.tellPart(out)
		}
	}
}

func (d *data) tellPart(out decoders.Sink) {
	if len(d.part) == 0 {
		return
	}
	d.parts += int64(len(d.part))
	out.Emit(d.sender, &events.ContentPart{Bytes: append([]byte(nil), d.part...)})
	d.part = d.part[:0]
}

// Gap implements decoders.Stream.
func (d *data) Gap(from events.Dir, n int64, out decoders.Sink) error {
	s := &d.sides[from]
	s.bytes += n
	s.missing += n
	if d.state == fresh {
		d.begin(from, out)
	}
	if from == d.sender {
		d.hash = nil
	}
	if d.feed != nil {
		d.feed.Gap(from, n)
	}
	return nil
}

// End implements decoders.Stream. Whether the transfer was complete is best
// known with the final reply; it is waited for until both sides are over.
func (d *data) End(from events.Dir, why events.Ending, out decoders.Sink) {
	d.sides[from].why = why
	if d.feed != nil {
		d.feed.End(from, why)
	}
	if d.state == told {
		return
	}
	sender := d.from()
	if d.sides[sender].why == 0 || d.hint.Final == 0 && d.sides[sender.Other()].why == 0 {
		return
	}
	if d.state == fresh {
		d.begin(sender, out)
	}
	d.tell(sender, out)
}

// from is who sends: who did, else who would by the command.
func (d *data) from() events.Dir {
	if d.state != fresh && d.state != secured {
		return d.sender
	}
	if d.state == secured && d.hint.Verb == "" {
		if d.sides[events.FromClient].bytes > d.sides[events.FromServer].bytes {
			return events.FromClient
		}
		return events.FromServer
	}
	user := events.FromClient
	if d.hint.Mode == "active" && d.env.Flow.Client != d.hint.User || d.env.Flow.Server == d.hint.User && d.env.Flow.Client != d.hint.User {
		user = events.FromServer
	}
	switch d.hint.Verb {
	case "STOR", "APPE", "STOU":
		return user
	}
	return user.Other()
}

func (d *data) tell(sender events.Dir, out decoders.Sink) {
	s, h := &d.sides[sender], d.hint
	complete := s.why == events.EndFIN && s.missing == 0 && h.Final < 400 && !(h.Aborted && h.Final/100 != 2)
	if s.bytes == 0 && h.Verb == "" {
		complete = false // nothing tells that there was a transfer
	}
	e := &events.FTPData{
		Mode: h.Mode, Verb: h.Verb, Path: h.Path, ControlStream: h.ControlStream,
		Bytes: s.bytes, Complete: complete, Missing: s.missing, Restart: h.Restart,
		Type: h.Type, Reply: h.Final, Protected: d.state == secured, CommandFrame: h.CommandFrame, FirstFrame: s.first,
		FirstTime: s.from, LastTime: s.to,
	}
	if h.TransferMode != "S" {
		e.TransferMode = h.TransferMode
	}
	if d.hash != nil {
		e.SHA256 = hex.EncodeToString(d.hash.Sum(nil))
	}
	if d.part != nil {
		d.tellPart(out)
		out.Emit(sender, &events.ContentEnd{Protocol: name, Name: h.Path, Bytes: d.parts, Complete: complete,
			Drop: listing(h.Verb), FirstFrame: s.first})
	}
	if s.missing > 0 {
		out.Truncated(sender, e)
	} else {
		out.Emit(sender, e)
	}
	d.state, d.part, d.hash = told, nil, nil
}
