package decodertest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// The operations of a fuzzed conversation: one byte, then a length or a count
// in two bytes, then (opData) so many bytes. Bit 0 of the first byte is the
// direction, bits 1 and 2 the operation.
const (
	opData = iota
	opLost
	opOver
	opCut // a datagram of which Missing bytes (the count) were cut off; the rest of the input up to 256 bytes
)

// Encode is chunks as the bytes that Fuzz works on.
func Encode(chunks []Chunk) []byte {
	var b []byte
	op := func(ch Chunk, op byte, n int) {
		b = binary.BigEndian.AppendUint16(append(b, byte(ch.From)|op<<1), uint16(n))
	}
	for _, ch := range chunks {
		switch {
		case ch.Lost > 0:
			op(ch, opLost, int(min(ch.Lost, 0xffff)))
		case ch.End != 0:
			op(ch, opOver, int(ch.End)-1)
		case ch.Missing > 0 && len(ch.Bytes) <= 0xff:
			op(ch, opCut, min(ch.Missing, 0xff)<<8|len(ch.Bytes))
			b = append(b, ch.Bytes...)
		default:
			for p := ch.Bytes; len(p) > 0; {
				n := min(len(p), 0xffff)
				op(ch, opData, n)
				b = append(b, p[:n]...)
				p = p[n:]
			}
		}
	}
	return b
}

// Decode makes a conversation of any bytes.
func Decode(b []byte) []Chunk {
	var out []Chunk
	for len(b) >= 3 {
		op, n := b[0]>>1&3, int(binary.BigEndian.Uint16(b[1:]))
		ch := Chunk{From: events.Dir(b[0] & 1)}
		b = b[3:]
		switch op {
		case opLost:
			ch.Lost = int64(n) + 1
		case opOver:
			ch.End = events.Ending(n%int(events.EndEvicted)) + 1
		case opCut:
			ch.Missing = n >> 8
			n = min(n&0xff, len(b))
			ch.Bytes, b = b[:n], b[n:]
		default:
			n = min(n, len(b))
			ch.Bytes, b = b[:n], b[n:]
		}
		out = append(out, ch)
	}
	return out
}

// tight are limits small enough for a fuzzer to reach.
func tight() *events.Limits {
	l := events.DefaultLimits()
	l.Waiting = 4096
	l.PendingRequests = 8
	l.HTTPHead = 1024
	l.HTTPHeaders = 16
	l.DecodedBytes = 1 << 16
	l.DecodedRatio = 100
	l.DNSRecords = 64
	l.HTTP2Streams = 4
	l.HTTP2Table = 128
	l.HTTP2Settings = 4
	l.UTPConnections = 2
	l.TorrentMessage = 256
	l.TorrentSearch = 512
	l.TorrentRuns = 2
	l.TrackerBody = 512
	l.BencodeItems = 16
	l.BencodeDepth = 3
	l.FTPLine = 256
	l.FTPReply = 512
	l.POP3Line = 256
	l.POP3Lines = 4
	l.IMAPLine = 256
	l.IMAPLiterals = 4
	l.MailHeader = 1024
	l.MailParts = 8
	l.MailNesting = 4
	l.MailRecipients = 4
	l.SMTPLine = 512
	l.SMTPReply = 2048
	l.QUICConnections = 2
	l.QUICCrypto = 1024
	l.TLSHandshake = 512
	l.TLSCertificates = 2
	return &l
}

// growth bounds what a decoder may say: bytes of JSON for each byte given.
// DNS grows most: a pointer of two bytes stands for a name of 1,000.
const growth = 2000

// Check plays chunks to p in every way it can be played: as a stream and as
// datagrams, with the default limits and with tight ones, and returns the
// first breach. It panics where the decoder does.
func Check(p decoders.Proto, chunks []Chunk) error {
	size := 0
	for _, ch := range chunks {
		size += len(ch.Bytes) + 16
	}
	for _, c := range []Conversation{
		{Chunks: chunks},
		{Chunks: chunks, Env: decoders.Env{Limits: tight(), Hash: true}},
		{Chunks: chunks, Datagram: true},
		{Chunks: chunks, Datagram: true, Env: decoders.Env{Limits: tight()}},
	} {
		if c.Datagram && p.Datagram == nil || !c.Datagram && p.Stream == nil {
			continue
		}
		tape := Play(p, c)
		said := 0
		for _, r := range tape.Records {
			said += len(r.text)
		}
		if said > growth*(size+1024) {
			tape.breach("%d bytes of events for %d bytes of conversation", said, size)
		}
		if err := tape.Broken(); err != nil {
			return err
		}
		if size <= 1024 && c.Env.Limits == nil {
			if err := cuts(p, c, tape, 2); err != nil {
				return err
			}
		}
	}
	for _, ch := range chunks {
		given := newLoan(ch.Bytes)
		var t Tape
		p.Probe(ch.From, given.bytes)
		given.back(&t)
		if err := t.Broken(); err != nil {
			return err
		}
	}
	return nil
}

// Fuzz is the fuzz target of one decoder, seeded with conversations: it never
// panics, keeps the contract, stays within limits, and cuts do not matter. Run
// it with -fuzzminimizetime 1s: else most of a short run goes into minimizing.
func Fuzz(f *testing.F, p decoders.Proto, seeds ...Conversation) {
	Seed(f, seeds...)
	f.Fuzz(func(t *testing.T, b []byte) {
		if err := Check(p, Decode(b)); err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
	})
}

// Seed adds conversations to the corpus of f.
func Seed(f *testing.F, seeds ...Conversation) {
	for _, c := range seeds {
		b := Encode(c.Chunks)
		f.Add(bytes.Clone(b))
	}
}
