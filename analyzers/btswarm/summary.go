package btswarm

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

const (
	shownRows = 10
	keptRows  = 1000
)

type row struct {
	key string
	*Value
}

func compareRows(a, b row) int {
	return cmp.Or(cmp.Compare(b.Gave+b.Took, a.Gave+a.Took), strings.Compare(a.key, b.key), strings.Compare(a.PeerID, b.PeerID), slices.Compare(a.Frames, b.Frames))
}

type summary struct {
	peers     *analyzers.Top[row]
	findings  *analyzers.Top[analyzers.Finding]
	swarms    int64
	given     int64
	seeds     int64
	undecided int64
}

func newSummary() *summary {
	return &summary{peers: analyzers.NewTop(keptRows, compareRows), findings: analyzers.NewTop(shownRows, analyzers.CompareFindings)}
}

func (s *summary) Add(r *analyzers.Row) {
	v, ok := r.Value.(*Value)
	if !ok {
		return
	}
	if v.What == Peer {
		s.peers.Add(row{r.Key, v})
		return
	}
	if v.InfoHash == "" {
		s.undecided += int64(v.Connections)
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("which swarm %s belong to is undecided: %s", analyzers.CountOf(int64(v.Connections), "connection"), v.Undecided)})
		return
	}
	s.swarms++
	s.given += v.Gave
	s.seeds += int64(v.Seeds)
	if t := v.Tracker; t != nil && t.Failures > 0 {
		s.findings.Add(analyzers.Finding{Severity: analyzers.Warn, Weight: float64(t.Failures), Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("swarm %.8s…: the tracker refused %s: %s", v.InfoHash, analyzers.CountOf(int64(t.Failures), "announce"), t.Failure)})
	}
	if v.Connections > 0 && v.Seeds+v.Finished == 0 && v.Undecided == "" && v.Pieces > 0 && v.Gaps == 0 {
		s.findings.Add(analyzers.Finding{Severity: analyzers.Note, Frames: v.Frames, Filter: v.Filter,
			Text: fmt.Sprintf("swarm %.8s…: no peer with all pieces was seen among %s", v.InfoHash, analyzers.CountOf(int64(v.Peers), "peer"))})
	}
}

func (s *summary) Section(full bool) analyzers.Section {
	if s.swarms == 0 && s.undecided == 0 {
		return analyzers.Section{}
	}
	out := analyzers.Section{
		Title: "BitTorrent: swarms",
		Columns: []analyzers.Column{{Name: "peer"}, {Name: "swarm"}, {Name: "role"}, {Name: "there", Right: true}, {Name: "pieces", Right: true}, {Name: "finished after", Right: true},
			{Name: "gave", Right: true}, {Name: "took", Right: true}, {Name: "ratio", Right: true}, {Name: "up", Right: true}, {Name: "down", Right: true}, {Name: "found by"}, {Name: "client"}},
		Findings: s.findings.Kept(),
	}
	out.Lead = fmt.Sprintf("%s, %s, %s from the start; %s of blocks given", analyzers.CountOf(s.swarms, "swarm"), analyzers.CountOf(int64(s.peers.Count()), "peer"),
		analyzers.CountOf(s.seeds, "seed"), analyzers.BytesText(s.given))
	if s.undecided > 0 {
		out.Lead += fmt.Sprintf("; %s undecided", analyzers.CountOf(s.undecided, "connection"))
	}
	out.Lead += "."
	kept := s.peers.Kept()
	if !full {
		kept = kept[:min(len(kept), shownRows)]
	}
	span := func(d *events.Duration) string {
		if d == nil {
			return "–"
		}
		return analyzers.DurationText(*d)
	}
	for _, r := range kept {
		hash, ratio, role := "–", "–", string(r.Role)
		if r.InfoHash != "" {
			hash = fmt.Sprintf("%.8s…", r.InfoHash)
		}
		found := string(r.FoundBy)
		if found == "" {
			found = "–"
		}
		if r.Ratio != nil {
			ratio = strconv.FormatFloat(*r.Ratio, 'f', 2, 64)
		}
		if r.Undecided != "" {
			role = "undecided: " + r.Undecided
		}
		out.Rows = append(out.Rows, []string{r.Peer, hash, role, analyzers.DurationText(r.Lasted), fmt.Sprintf("%d of %d", r.Has, r.Pieces), span(r.Finishes),
			whole(r.Torn, r.Gave), whole(r.Torn, r.Took), ratio, rate(r.UpRate), rate(r.DownRate), found, r.Client})
	}
	out.More = s.peers.Count() - len(kept)
	return out
}

func rate(x float64) string {
	if x == 0 {
		return "–"
	}
	return analyzers.RateText(x)
}

// whole is n bytes, or more where blocks were torn.
func whole(torn, n int64) string {
	if torn > 0 {
		return "≥ " + analyzers.BytesText(n)
	}
	return analyzers.BytesText(n)
}
