package btrarity

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
)

const (
	shownRows = 10
	keptRows  = 1000
)

type row struct {
	key string
	*Value
}

// compareRows puts first who did not ask for the rarest, then those who
// asked for most.
func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(rank(a.Verdict), rank(b.Verdict)), cmp.Compare(b.Firsts, a.Firsts), strings.Compare(a.key, b.key), strings.Compare(a.PeerID, b.PeerID), slices.Compare(a.Frames, b.Frames))
}

func rank(v Verdict) int {
	switch v {
	case Sequential:
		return 0
	case Random:
		return 1
	case RarestFirst:
		return 2
	case Undecided:
		return 3
	}
	return 4
}

type summary struct {
	peers    *analyzers.Top[row]
	findings *analyzers.Top[analyzers.Finding]
	swarms   int
	sealed   int
	verdicts map[Verdict]int
}

func newSummary() *summary {
	return &summary{peers: analyzers.NewTop(keptRows, compareRows), findings: analyzers.NewTop(shownRows, analyzers.CompareFindings), verdicts: map[Verdict]int{}}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	switch {
	case v.What == Peer && v.Firsts > 0:
		s.peers.Add(row{r.Key, v})
		s.verdicts[v.Verdict]++
	case v.What == Peer:
		return
	case v.InfoHash == "":
		s.sealed += v.Connections
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("what peers have is undecided on %s: %s", analyzers.CountOf(int64(v.Connections), "connection"), v.Undecided)})
		return
	}
	if v.What == Swarm {
		s.swarms++
		s.gone(v)
	}
	if v.Verdict == Sequential {
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Weight: 1, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("%s asks for pieces by their numbers, not for the rarest: copies of the last ones stay few", v.Peer)})
	}
}

// gone finds pieces of which the last copy left before others had them.
func (s *summary) gone(v *Value) {
	last, had := -1, false
	for i, x := range v.Series {
		if x.Min > 0 {
			had = true
		} else if had && x.Peers > 1 {
			last = i
			break
		}
	}
	if last < 0 {
		return
	}
	x := v.Series[last]
	s.findings.Add(analyzers.Finding{Severity: analyzers.Bad, Weight: float64(x.Peers), Frames: analyzers.Frames(x.Frame), Filter: v.Filter,
		Text: fmt.Sprintf("in swarm %.8s… the last copy of a piece left in frame %d: %s there could not complete it", v.InfoHash, x.Frame, analyzers.CountOf(int64(x.Peers), "peer"))})
}

func (s *summary) Section(full bool) analyzers.Section {
	out := analyzers.Section{
		Title: "BitTorrent: which pieces are asked for",
		Columns: []analyzers.Column{{Name: "peer"}, {Name: "swarm"}, {Name: "order"}, {Name: "pieces asked for", Right: true}, {Name: "weighed", Right: true}, {Name: "the rarest", Right: true},
			{Name: "rarest third", Right: true}, {Name: "by chance", Right: true}, {Name: "z", Right: true}, {Name: "end game", Right: true}},
		Findings: s.findings.Kept(),
	}
	if s.swarms == 0 && s.sealed == 0 {
		return analyzers.Section{}
	}
	var parts []string
	for _, v := range []Verdict{RarestFirst, Sequential, Random, Undecided} {
		if n := s.verdicts[v]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	out.Lead = fmt.Sprintf("%s; %s asked for pieces", analyzers.CountOf(int64(s.swarms), "swarm"), analyzers.CountOf(int64(s.peers.Count()), "peer"))
	if len(parts) > 0 {
		out.Lead += ": " + strings.Join(parts, ", ")
	}
	if s.sealed > 0 {
		out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountOf(int64(s.sealed), "connection"))
	}
	out.Brief = out.Lead
	out.Lead += "."
	kept := s.peers.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	for _, r := range kept {
		verdict, endgame := string(r.Verdict), "–"
		if r.Undecided != "" {
			verdict += ": " + r.Undecided
		}
		if r.Endgame != nil {
			endgame = analyzers.CountOf(int64(r.Endgame.Again), "block")
		}
		out.Rows = append(out.Rows, []string{r.Peer, fmt.Sprintf("%.8s…", r.InfoHash), verdict, strconv.Itoa(r.Firsts), strconv.Itoa(r.Weighed),
			analyzers.PercentText(int64(r.Rarest), int64(r.Weighed)), percent(r.RarestThird), percent(r.ByChance), decimal(r.Z), endgame})
	}
	out.More = s.peers.Count() - len(kept)
	return out
}

func percent(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(100**x, 'f', 0, 64) + " %"
}

func decimal(x *float64) string {
	if x == nil {
		return "–"
	}
	return strconv.FormatFloat(*x, 'f', 1, 64)
}
