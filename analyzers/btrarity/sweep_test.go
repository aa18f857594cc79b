package btrarity_test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// Over all networks, by the peers' own logs: what each had, in its order, and
// which pieces it asked for, exactly. Where nothing is lost, whom it asked
// first for a piece, too: where a request is sent again, the capture may not
// have the one that was lost in front of it, and so another moment. So it is
// with how rare the piece was to it then: exact, or said to be unsure, for a
// have came in that very moment; of all, 95 in 100 are exact.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, name := range []string{"bt-swarm", "bt-free-rider"} {
			t.Run(name, func(t *testing.T) {
				replaytest.Beside(t)
				checkLogs(t, replaytest.Run(t, name, p.Options(5)), row, p.Loss == 0 && replaytest.Timed())
			})
		}
	})
}

func checkLogs(t *testing.T, r *replaytest.Recording, row *replaytest.Row, strict bool) {
	t.Helper()
	pieces := int(r.Truth.Facts["pieces"].(float64))
	_, peers := rows(r, nil)
	had := map[string][]string{}
	for _, p := range r.Truth.Peers {
		had[p.Host] = append(had[p.Host], p.Pieces)
	}
	weighed, unsure, wrong, surely := 0, 0, 0, 0
	for host, want := range had {
		v := peers[host]
		if v == nil {
			t.Errorf("no row for %s", host)
			row.Same("pieces had", len(want), len(want))
			continue
		}
		off := 0
		if got := bitfields(v, pieces); !slices.Equal(got, want) {
			t.Errorf("%s had %v, by its own log %v", host, got, want)
			off = len(want)
		}
		row.Same("pieces had", len(want), off)

		first := map[int]truth.Choice{}
		for _, c := range r.Truth.Choices {
			if c.Host == host && c.What == "request" {
				first[*c.Piece] = c
			}
		}
		if len(first) != len(v.Requests) {
			t.Errorf("%s: %d first requests, by its own log %d", host, len(v.Requests), len(first))
		}
		for _, q := range v.Requests {
			c, ok := first[q.Piece]
			if !ok {
				t.Errorf("%s: asks for piece %d, its own log does not say so", host, q.Piece)
				row.Same("pieces asked for", 1, 1)
				continue
			}
			row.Same("pieces asked for", 1, 0)
			off := 0
			if of := hostOf(r, q.Of); of != c.Of {
				off = 1
				if strict {
					t.Errorf("%s: asks %s for piece %d, by its own log %s", host, of, q.Piece, c.Of)
				}
			}
			row.Same("whom first", 1, off)
			if off > 0 {
				continue
			}
			var candidates, rarer, equal int
			words := strings.Fields(c.Copies)
			copies, _ := strconv.Atoi(words[q.Piece])
			for _, w := range words {
				if k, err := strconv.Atoi(w); err == nil {
					candidates++
					if k < copies {
						rarer++
					}
					if k == copies {
						equal++
					}
				}
			}
			weighed++
			if q.Candidates != candidates || q.Copies != copies || q.Rarer != rarer || q.Equal != equal {
				off = 1
				wrong++
			}
			if q.Unsure {
				row.Same("sure of its rank", 1, 1)
				unsure++
				continue
			}
			row.Same("sure of its rank", 1, 0)
			if off > 0 {
				surely++
				t.Logf("%s: frame %d: piece %d, of %d candidates with %d copies, %d rarer, %d equal; by its own log of %d with %d, %d and %d",
					host, q.Frame, q.Piece, q.Candidates, q.Copies, q.Rarer, q.Equal, candidates, copies, rarer, equal)
			}
			row.Same("the rank then", 1, off)
		}
	}
	if strict && (surely > 0 || wrong*20 > weighed) {
		t.Errorf("%d of %d first requests are not ranked as the peers ranked them, %d of those that are sure", wrong, weighed, surely)
	}
	if strict && unsure*5 > weighed {
		t.Errorf("%d of %d first requests are unsure of their rank", unsure, weighed)
	}
	if len(peers) != len(had) {
		t.Errorf("%d peers, want %d", len(peers), len(had))
	}
}
