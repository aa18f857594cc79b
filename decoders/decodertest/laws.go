package decodertest

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// Laws checks every law that can be checked on given conversations: the
// contract of package decoders, that the same conversation gives the same
// tape, that cuts do not matter, that loss never invents.
func Laws(t *testing.T, p decoders.Proto, cs ...Conversation) {
	t.Helper()
	for i, c := range cs {
		name := c.Name
		if name == "" {
			name = fmt.Sprint(i)
		}
		t.Run("laws/"+strings.ReplaceAll(name, " ", "_"), func(t *testing.T) {
			full := Run(t, p, c)
			if d := differ(texts(full, frames), texts(Play(p, c), frames)); d != "" {
				t.Errorf("the same conversation, another tape:\n%s", d)
			}
			if err := cuts(p, c, full, 8); err != nil {
				t.Error(err)
			}
			if err := loss(p, c, full, false); err != nil {
				t.Error(err)
			}
		})
	}
}

// StrictLoss is the law of loss without its excuse: even after a gap, what is
// said and neither truncated nor marked incomplete ("complete":false, a
// "missing" count) was said in the full run too. It holds for protocols whose
// messages can be told from noise.
func StrictLoss(t *testing.T, p decoders.Proto, cs ...Conversation) {
	t.Helper()
	for _, c := range cs {
		if err := loss(p, c, Run(t, p, c), true); err != nil {
			t.Errorf("%s: %v", c.Name, err)
		}
	}
}

// cuts checks that it does not matter how the bytes were cut. Pieces of one
// chunk keep its frame, so that even the frames are the same; where chunks of
// one side are joined the frames are left aside. What the two sides said is
// compared side by side: bytes that waited for the other side may be heard
// between its messages or after them. random is how often it is cut at random.
func cuts(p decoders.Proto, c Conversation, full *Tape, random int) error {
	if c.Datagram {
		return nil // a datagram is one whole
	}
	try := func(how string, d Conversation, keep fields) error {
		tape := Play(p, d)
		if err := tape.Broken(); err != nil {
			return fmt.Errorf("%s: the contract is broken:\n%w", how, err)
		}
		if d := differ(texts(full, keep), texts(tape, keep)); d != "" {
			return fmt.Errorf("%s gives other events:\n%s", how, d)
		}
		return nil
	}
	if err := try("byte by byte", recut(c, func() int { return 1 }), frames); err != nil {
		return err
	}
	rnd := seeded(c)
	for i := range random {
		n := 2 << i
		if err := try("cut at random", recut(c, func() int { return 1 + rnd.IntN(n) }), frames); err != nil {
			return err
		}
	}
	return try("joined", join(c), noFrames)
}

// recut cuts each chunk into pieces of size() bytes.
func recut(c Conversation, size func() int) Conversation {
	var out []Chunk
	for i, ch := range c.Chunks {
		ch.frame = uint64(i) + 1
		whole := len(ch.Bytes) == 0 // it still is a moment: the end may come at it
		for len(ch.Bytes) > 0 {
			n := min(size(), len(ch.Bytes))
			piece := ch
			piece.Bytes = ch.Bytes[:n]
			out = append(out, piece)
			ch.Bytes = ch.Bytes[n:]
		}
		if whole {
			out = append(out, ch)
		}
	}
	c.Chunks = out
	return c
}

// join makes one chunk of neighbours of one side.
func join(c Conversation) Conversation {
	var out []Chunk
	for _, ch := range c.Chunks {
		if n := len(out) - 1; n >= 0 && len(ch.Bytes) > 0 && len(out[n].Bytes) > 0 && out[n].From == ch.From {
			out[n].Bytes = slices.Concat(out[n].Bytes, ch.Bytes)
			continue
		}
		out = append(out, ch)
	}
	c.Chunks = out
	return c
}

// loss checks that dropping chunks, or pieces of them, invents nothing: what
// is said is said in the full run too, or comes after a gap or a violation
// (strict: or is marked as incomplete). Frames are left aside.
func loss(p decoders.Proto, c Conversation, full *Tape, strict bool) error {
	known := map[string]bool{}
	for _, r := range full.Records {
		known[r.text0()] = true
	}
	try := func(d Conversation) error {
		tape := Play(p, d)
		if err := tape.Broken(); err != nil {
			return fmt.Errorf("with loss the contract is broken: %w", err)
		}
		excused := false
		for _, r := range tape.Records {
			switch {
			case r.Kind == "flow.gap" || r.Kind == "flow.violation":
				excused = true
			case known[r.text0()], strings.HasPrefix(r.Kind, "flow."):
			case strict && r.Kind == "open": // what is inside speaks for itself
			case excused && (!strict || r.incomplete()):
			case strict && r.Truncated:
			default:
				return fmt.Errorf("loss invented an event of frame %d: %s\n the conversation was:\n%s", r.Frame, r, d.dump())
			}
		}
		return nil
	}
	for i := range c.Chunks {
		if err := try(drop(c, func(j int) bool { return j == i })); err != nil {
			return err
		}
	}
	rnd := seeded(c)
	for range 16 {
		if err := try(drop(c, func(int) bool { return rnd.IntN(4) == 0 })); err != nil {
			return err
		}
		if c.Datagram {
			continue
		}
		small := recut(c, func() int { return 1 + rnd.IntN(40) })
		if err := try(drop(small, func(int) bool { return rnd.IntN(8) == 0 })); err != nil {
			return err
		}
	}
	return nil
}

// drop is c where the bytes of chunks that lost picks were never captured.
func drop(c Conversation, lost func(int) bool) Conversation {
	out := slices.Clone(c.Chunks)
	for i, ch := range out {
		if ch.frame == 0 {
			out[i].frame = uint64(i) + 1
		}
		if n := len(ch.Bytes); n > 0 && lost(i) {
			out[i].Bytes, out[i].Lost = nil, int64(n)
		}
	}
	c.Chunks = out
	return c
}

// seeded is seeded by the conversation: the same test, the same cuts.
func seeded(c Conversation) *rand.Rand {
	h := fnv.New64a()
	for _, ch := range c.Chunks {
		h.Write(ch.Bytes)
	}
	return rand.New(rand.NewPCG(h.Sum64(), 1))
}

// fields says what of a record is compared.
type fields bool

const (
	frames   fields = true
	noFrames fields = false
)

// texts are the records of a tape by side.
func texts(t *Tape, keep fields) [2][]string {
	var out [2][]string
	for _, r := range t.Records {
		s := r.text0()
		if keep == frames {
			s = r.JSON()
		}
		out[r.From&1] = append(out[r.From&1], s)
	}
	return out
}

// text0 is the record without any frame number: its own and those in fields
// called frame, …_frame, or (of hints) …Frame. and without durations, for the time goes by frames.
func (r Record) text0() string {
	dec := json.NewDecoder(strings.NewReader(r.text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return r.text
	}
	b, _ := json.Marshal(withoutFrames(v))
	return fmt.Sprintf("%s %s %s %v %s", r.From, r.Layer, r.Kind, r.Truncated, b)
}

func withoutFrames(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			if k == "frame" || strings.HasSuffix(k, "_frame") || strings.HasSuffix(k, "Frame") || k == "duration" {
				delete(v, k)
				continue
			}
			v[k] = withoutFrames(x)
		}
	case []any:
		for i := range v {
			v[i] = withoutFrames(v[i])
		}
	}
	return v
}

// incomplete says that the record itself tells that a part is missing.
func (r Record) incomplete() bool {
	var v struct {
		Complete *bool `json:"complete"`
		Missing  int64 `json:"missing"`
	}
	_ = json.Unmarshal([]byte(r.text), &v)
	return r.Truncated || v.Missing > 0 || v.Complete != nil && !*v.Complete
}

// differ tells the first difference of each side, "" when there is none.
func differ(want, got [2][]string) string {
	var b strings.Builder
	for d := range want {
		for i := range max(len(want[d]), len(got[d])) {
			w, g := "(nothing)", "(nothing)"
			if i < len(want[d]) {
				w = want[d][i]
			}
			if i < len(got[d]) {
				g = got[d][i]
			}
			if w != g {
				fmt.Fprintf(&b, " %s, event %d\n  as given %s\n  now      %s\n", events.Dir(d), i, w, g)
				break
			}
		}
	}
	return b.String()
}

// dump is c for a failing test.
func (c Conversation) dump() string {
	var b strings.Builder
	for _, ch := range c.Chunks {
		switch {
		case ch.Lost > 0:
			fmt.Fprintf(&b, "  %s lost %d\n", ch.From, ch.Lost)
		case ch.End != 0:
			fmt.Fprintf(&b, "  %s over: %s\n", ch.From, ch.End)
		default:
			fmt.Fprintf(&b, "  %s %.200q\n", ch.From, ch.Bytes)
		}
	}
	return b.String()
}
