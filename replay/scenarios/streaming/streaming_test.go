package streaming_test

import (
	"fmt"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay"
	"github.com/wiretale/wiretale/replay/truth"
)

var names = []string{"dash", "hls"}

func TestStreaming(t *testing.T) {
	if testing.Short() {
		t.Skip("plays in real time")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, name, replay.Options{RTT: 20 * time.Millisecond, Seed: 3, TimeScale: 4})
			r.Check(t)
			check(t, r.Truth)
		})
	}
}

func TestKept(t *testing.T) {
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Open(t, "../../../pcaps/"+name+".pcapng", "../../../pcaps/"+name+".json")
			r.Check(t)
			check(t, r.Truth)
			checkBuffer(t, r.Truth)
			checkStory(t, r.Truth)
		})
	}
}

// What the player decided is what it asked for. This holds however late a busy
// machine makes it.
func check(t *testing.T, got *truth.Truth) {
	t.Helper()
	var chosen []string
	for _, c := range got.Choices {
		if c.What == "choose" {
			chosen = append(chosen, c.Of)
		}
	}
	fetched, _ := segments(got)
	if len(chosen) != 14 || strings.Join(chosen, ", ") != strings.Join(fetched, ", ") {
		t.Errorf("chosen:  %v\nfetched: %v", chosen, fetched)
	}
}

// segments are those that the player got, and when.
func segments(got *truth.Truth) (fetched []string, arrived []time.Time) {
	for _, m := range got.Messages {
		if m.Kind != truth.HTTPResponse || m.HTTP.Status != 200 {
			continue
		}
		var n int
		dir, file := path.Split(m.HTTP.URL)
		if _, err := fmt.Sscanf(file, "%03d.", &n); err != nil {
			continue // a manifest, a head
		}
		fetched = append(fetched, fmt.Sprintf("segment %d: %s", n, path.Base(dir)))
		arrived = append(arrived, m.Receiver.End)
	}
	return fetched, arrived
}

// checkBuffer checks the player's stalls: they are those of a buffer that is
// filled when the segments arrive.
func checkBuffer(t *testing.T, got *truth.Truth) {
	t.Helper()
	_, arrived := segments(got)
	// The buffer again, from arrivals alone: half a second of film each; the
	// picture moves with one segment at the start, and with two after a stall.
	const segment = 500 * time.Millisecond
	var want []string
	var wantAt []time.Time
	event := func(what string, at time.Time) { want, wantAt = append(want, what), append(wantAt, at) }
	moves, began := false, false
	var buffer time.Duration
	var last time.Time
	for i, at := range arrived {
		if moves {
			if buffer -= at.Sub(last); buffer < 0 {
				event("stall_begin", at.Add(buffer))
				moves, buffer = false, 0
			}
		}
		buffer += segment
		last = at
		switch {
		case moves:
		case !began:
			event("play", at)
			moves, began = true, true
		case buffer >= 2*segment || i == len(arrived)-1:
			event("stall_end", at)
			moves = true
		}
	}
	var told []truth.Choice
	for _, c := range got.Choices {
		switch c.What {
		case "play", "stall_begin", "stall_end":
			told = append(told, c)
		}
	}
	if len(told) != len(want) {
		t.Fatalf("the player tells %v, its buffer %v", told, want)
	}
	for i, c := range told {
		// The player looks at the clock a moment after the last byte was read.
		if d := c.Time.Sub(wantAt[i]).Abs(); c.What != want[i] || d > 5*time.Millisecond {
			t.Errorf("the player tells %s at %s, its buffer %s at %s", c.What, c.Time, want[i], wantAt[i])
		}
	}
}

// checkStory is what the link's rates make of it on an idle machine: up to the
// top, one stall, down to the bottom, and up again.
func checkStory(t *testing.T, got *truth.Truth) {
	t.Helper()
	var story []string
	for _, c := range got.Choices {
		switch c.What {
		case "choose":
		case "rate", "switch":
			story = append(story, c.Of)
		default:
			story = append(story, c.What)
		}
	}
	want := "3000000, play, low to mid, mid to high, 120000, stall_begin, high to low, stall_end, 3000000, low to mid, mid to high"
	if s := strings.Join(story, ", "); s != want {
		t.Errorf("the story is\n%s, want\n%s", s, want)
	}
}

func TestStory(t *testing.T) {
	replaytest.Timing(t)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := replaytest.Run(t, name, replay.Options{Seed: 4})
			checkBuffer(t, r.Truth)
			checkStory(t, r.Truth)
		})
	}
}
