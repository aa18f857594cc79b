package dash

import "github.com/wiretale/wiretale/events"

// Value is one film that one player fetched. docs/analyses/dash.md defines each
// field.
type Value struct {
	Undecided string `json:"undecided,omitzero" doc:"why start-up, stalls and buffer, or all of it, are not known"`

	Player string      `json:"player" doc:"address"`
	URL    string      `json:"url,omitzero" doc:"of the manifest"`
	Format Format      `json:"format,omitzero" doc:"dash, hls"`
	Live   bool        `json:"live,omitzero"`
	Start  events.Time `json:"start,omitzero" doc:"capture time of the first byte of the request for the manifest"`

	Ladder []Level `json:"ladder,omitempty" doc:"representations of the manifest, by set, lowest first"`

	Fetched    int     `json:"fetched" doc:"segments asked for"`
	Bytes      int64   `json:"bytes" doc:"bodies of segments"`
	Throughput float64 `json:"throughput,omitzero" doc:"bytes a second while a segment was under way"`

	Startup   *events.Duration `json:"startup,omitzero" doc:"seconds from start to the first picture"`
	StallTime *events.Duration `json:"stall_time,omitzero" doc:"seconds of all stalls"`
	Stalls    []Stall          `json:"stalls,omitempty"`
	Switches  []Switch         `json:"switches,omitempty"`

	// Sustained and Smooth are "" where even the lowest is too much.
	Sustained string `json:"sustained,omitzero" doc:"the highest representation whose bandwidth the throughput reaches"`
	Smooth    string `json:"smooth,omitzero" doc:"the highest representation that would have been played from the first to the last segment without a stall, with no more in the buffer than there ever was"`

	Segments []Segment `json:"segments,omitempty" doc:"in the order of their requests"`
	Buffer   []Point   `json:"buffer,omitempty" doc:"film in the buffer, after each segment and where it ran dry"`

	Limited int      `json:"limited,omitzero" doc:"segments, representations or requests left out: limits fold-samples, fold-pending"`
	Frames  []uint64 `json:"frames"`
	Filter  string   `json:"filter"`
}

// Level is one representation.
type Level struct {
	ID        string `json:"id"`
	Set       string `json:"set" doc:"what it is an alternative of: video, audio, …"`
	Bandwidth int64  `json:"bandwidth,omitzero" doc:"bits a second, as the manifest says"`
	Width     int    `json:"width,omitzero"`
	Height    int    `json:"height,omitzero"`
	Codecs    string `json:"codecs,omitzero"`
	Fetched   int    `json:"fetched" doc:"segments asked for"`
}

// Segment is one segment as it was fetched. Times are seconds since start.
type Segment struct {
	Number         int64            `json:"number" doc:"in the manifest"`
	Set            string           `json:"set"`
	Representation string           `json:"representation"`
	Duration       events.Duration  `json:"duration" doc:"seconds of film"`
	Status         int              `json:"status,omitzero"`
	Asked          events.Duration  `json:"asked" doc:"first byte of the request"`
	Arrived        *events.Duration `json:"arrived,omitzero" doc:"last byte of the response"`
	Bytes          int64            `json:"bytes" doc:"of the body"`
	Throughput     float64          `json:"throughput,omitzero" doc:"bytes / (arrived - asked), a second"`
	Sustained      string           `json:"sustained,omitzero" doc:"the highest representation whose bandwidth this reaches"`
	Buffer         *events.Duration `json:"buffer,omitzero" doc:"seconds of film in the buffer after it"`
	RequestFrame   uint64           `json:"request_frame"`
	EndFrame       uint64           `json:"end_frame,omitzero"`
	Stream         string           `json:"stream"`
}

// Stall is a time in which the picture stood still.
type Stall struct {
	Begin    events.Duration `json:"begin" doc:"seconds since start"`
	End      events.Duration `json:"end"`
	Behind   int64           `json:"behind" doc:"number of the segment that the buffer was too short for"`
	Frame    uint64          `json:"frame" doc:"its request"`
	EndFrame uint64          `json:"end_frame" doc:"last of the segment that ended the stall"`
}

// Switch is a change of representation.
type Switch struct {
	At      events.Duration `json:"at" doc:"seconds since start: the request"`
	Set     string          `json:"set"`
	From    string          `json:"from"`
	To      string          `json:"to"`
	Segment int64           `json:"segment"`
	Frame   uint64          `json:"frame"`
}

// Point is what was in the buffer at one moment.
type Point struct {
	At     events.Duration `json:"at" doc:"seconds since start"`
	Buffer events.Duration `json:"buffer" doc:"seconds of film"`
}
