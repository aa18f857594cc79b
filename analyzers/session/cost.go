package session

import (
	"math"

	"github.com/wiretale/wiretale/events"
)

// Cost is what a session took.
type Cost struct {
	Duration    events.Duration  `json:"duration" doc:"seconds from the first packet to the last, as far as they were captured"`
	RTT         *events.Duration `json:"rtt,omitzero" doc:"seconds from client to server and back, by the handshake of TCP"`
	RoundTrips  int              `json:"round_trips" doc:"that the session spent waiting: the handshake of TCP, the greeting, that of TLS, and the longest chain of commands each sent after the answer before"`
	RTTs        float64          `json:"rtts,omitzero" doc:"duration / rtt"`
	Commands    int              `json:"commands" doc:"that were read"`
	Pipelined   int              `json:"pipelined,omitzero" doc:"commands sent before the one before was answered"`
	ClientBytes int64            `json:"client_bytes,omitzero" doc:"payload of TCP, sent by the client"`
	ServerBytes int64            `json:"server_bytes,omitzero" doc:"payload of TCP, sent by the server"`
}

// Cost is that of the connection so far.
func (c *Conn) Cost() Cost {
	v := Cost{
		Duration: max(c.Last.Sub(c.Start), 0), Commands: c.Trips.Asked,
		RoundTrips:  c.Opening() + c.tlsTrips + c.Trips.Done,
		ClientBytes: c.end.client, ServerBytes: c.end.server,
	}
	if c.end.why != 0 {
		v.Duration = c.end.took
	}
	if c.Heard[events.FromServer] {
		v.Pipelined = c.Trips.Pipelined // else each one seems to be
	}
	if d, ok := c.RTT(); ok && d > 0 {
		v.RTT = &d
		v.RTTs = Round(float64(v.Duration) / float64(d))
	}
	return v
}

// PerMessage is what a message cost: the same for each protocol that fetches
// mail, so that they can be set side by side.
type PerMessage struct {
	Messages      int     `json:"messages" doc:"fetched whole"`
	MessageBytes  int64   `json:"message_bytes" doc:"of them, as stored"`
	BytesEach     float64 `json:"bytes_each" doc:"payload of the session, both ways, a message"`
	Overhead      float64 `json:"overhead" doc:"bytes of the session beyond the messages / bytes of the messages"`
	TripsEach     float64 `json:"round_trips_each" doc:"round trips of the session a message"`
	FetchTrips    int     `json:"fetch_round_trips" doc:"round trips of the commands that fetched them"`
	FetchTripEach float64 `json:"fetch_round_trips_each"`
	RTTsEach      float64 `json:"rtts_each,omitzero" doc:"duration / rtt / messages"`
}

// PerMessage shares the cost of a session among n messages; nil where none was
// fetched.
func (c *Cost) PerMessage(n int, bytes int64, trips int) *PerMessage {
	if n == 0 {
		return nil
	}
	f := float64(n)
	v := &PerMessage{Messages: n, MessageBytes: bytes, TripsEach: Round(float64(c.RoundTrips) / f), FetchTrips: trips,
		FetchTripEach: Round(float64(trips) / f), RTTsEach: Round(c.RTTs / f)}
	if all := c.ClientBytes + c.ServerBytes; all > 0 {
		v.BytesEach = Round(float64(all) / f)
		if bytes > 0 {
			v.Overhead = Round(float64(all-bytes) / float64(bytes))
		}
	}
	return v
}

// Round keeps three decimals: what is beyond is noise.
func Round(x float64) float64 { return math.Round(x*1000) / 1000 }
