// Package decodertest plays conversations to decoders and checks the laws
// that every decoder must obey: how bytes were cut does not matter, loss
// never invents, nothing panics, borrowed bytes are not kept, limits hold.
// It imports no decoder and must not know any protocol.
//
// A test reads as a conversation:
//
//	tape := decodertest.Run(t, pop3.Proto, decodertest.Talk("greeting",
//		decodertest.Server("+OK ready\r\n"),
//		decodertest.Client("QUIT\r\n"),
//		decodertest.Over(events.FromClient, events.EndFIN),
//	))
//	replies := decodertest.Of[*events.POP3Reply](tape)
package decodertest

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Chunk is one step of a conversation: bytes of one side (a segment or a
// datagram), or bytes lost, or the end of a side. Each chunk is one packet:
// the first is frame 1.
type Chunk struct {
	From  events.Dir
	Bytes []byte
	// Missing is the number of bytes of a datagram that the snaplen cut off.
	Missing int
	// Lost is a number of bytes that were never captured (datagrams: a packet
	// never captured); Bytes is empty.
	Lost int64
	// End, when not zero, says that the side is over; Bytes is empty.
	End events.Ending

	frame uint64 // set by cuts: pieces of one chunk are one packet
}

// Client is a chunk that the client sent.
func Client(b string) Chunk { return Chunk{From: events.FromClient, Bytes: []byte(b)} }

// Server is a chunk that the server sent.
func Server(b string) Chunk { return Chunk{From: events.FromServer, Bytes: []byte(b)} }

// Cut is c with n more bytes that the snaplen cut off (datagrams only).
func Cut(c Chunk, n int) Chunk {
	c.Missing = n
	return c
}

// Lost says that the next n bytes of from were never captured.
func Lost(from events.Dir, n int64) Chunk { return Chunk{From: from, Lost: n} }

// Over says that from is over.
func Over(from events.Dir, why events.Ending) Chunk { return Chunk{From: from, End: why} }

// Conversation is what a decoder is played. A side without an Over chunk is
// over with EndCaptureOver after the last chunk.
type Conversation struct {
	Name   string
	Chunks []Chunk
	// Datagram plays to Proto.Datagram instead of Proto.Stream.
	Datagram bool
	// Env is what the decoder is born with. Nil Limits and Want are the
	// defaults and all kinds.
	Env decoders.Env
	// Inner are the protocols that Sink.Open drives, by the name in Next. For
	// others the Feed only records.
	Inner map[string]decoders.Proto
}

// Talk is a conversation over a stream.
func Talk(name string, chunks ...Chunk) Conversation {
	return Conversation{Name: name, Chunks: chunks}
}

// Packets is a conversation of datagrams.
func Packets(name string, chunks ...Chunk) Conversation {
	return Conversation{Name: name, Chunks: chunks, Datagram: true}
}

// env is c.Env with nothing left out.
func (c *Conversation) env() decoders.Env {
	e := c.Env
	if e.Limits == nil {
		l := events.DefaultLimits()
		e.Limits = &l
	}
	if e.Want == nil {
		all := events.SetOf(events.Kinds()...)
		e.Want = &all
	}
	return e
}
