package btswarm_test

import (
	"strings"
	"testing"

	"github.com/wiretale/wiretale/analyzers/btswarm"
	"github.com/wiretale/wiretale/internal/replaytest"
	"github.com/wiretale/wiretale/replay/truth"
)

// Over all networks, by the peers' own accounts: who came, what it had at the
// start and the end, what became of it, what it said to the tracker, and how
// many bytes of blocks it gave and took: at least those that the receiver read,
// at most those that the sender sent, for who closes a connection does not read
// what is still under way, and of that the network may lose some.
func TestSweep(t *testing.T) {
	replaytest.Sweep(t, func(t *testing.T, p replaytest.Point, row *replaytest.Row) {
		for _, name := range []string{"bt-swarm", "bt-free-rider", "bt-udp-tracker"} {
			t.Run(name, func(t *testing.T) {
				replaytest.Beside(t)
				checkAccounts(t, replaytest.Run(t, name, p.Options(5)), row)
			})
		}
	})
}

func checkAccounts(t *testing.T, r *replaytest.Recording, row *replaytest.Row) {
	t.Helper()
	swarms, peers := rows(r, nil)
	if len(swarms) != 1 {
		t.Fatalf("%d swarms", len(swarms))
	}
	s := swarms[0]
	hosts := map[string][]truth.Peer{}
	for _, p := range r.Truth.Peers {
		hosts[p.Host] = append(hosts[p.Host], p)
	}
	same := func(what string, ok bool, got, want any) {
		t.Helper()
		off := 0
		if !ok {
			off = 1
			t.Errorf("%s: %v, by the hosts %v", what, got, want)
		}
		row.Same(strings.SplitN(what, ": ", 2)[0], 1, off)
	}
	pieces := int(r.Truth.Facts["pieces"].(float64))
	same("swarm", s.InfoHash == r.Truth.Facts["info_hash"] && s.Pieces == pieces && s.Seeds == 1 && s.Finished == len(hosts)-1, s, hosts)
	same("peers", len(peers) == len(hosts), len(peers), len(hosts))

	// An announce that was lost on its way was sent, and is in the capture.
	want := announces(r, true)
	if s.Tracker != nil {
		x := s.Tracker
		same("announces", x.Announces == want.Announces && x.Started == want.Started && x.Completed == want.Completed && x.Stopped == want.Stopped, *x, want)
	} else {
		same("announces", want.Announces == 0, 0, want.Announces)
	}

	account := func(fact, host, other string) int64 {
		m, _ := r.Truth.Facts[fact].(map[string]any)[host].(map[string]any)
		n, _ := m[other].(float64)
		return int64(n)
	}
	complete := r.Truth.Facts["complete_at"].(map[string]any)
	for host, list := range hosts {
		v := peers[host]
		if v == nil {
			same("roles", false, nil, host)
			continue
		}
		var sent, read, sentTo, readFrom int64 // by it, of it, to it, by it
		for other := range hosts {
			sent += account("bytes_sent", host, other)
			read += account("bytes_received", other, host)
			sentTo += account("bytes_sent", other, host)
			readFrom += account("bytes_received", host, other)
		}
		same("bytes given: "+host, v.Gave >= read && v.Gave <= sent, v.Gave, []int64{read, sent})
		same("bytes taken: "+host, v.Took >= readFrom && v.Took <= sentTo, v.Took, []int64{readFrom, sentTo})
		_, finished := complete[host]
		role := map[bool]btswarm.Role{true: btswarm.Finished, false: btswarm.Seed}[finished]
		same("roles: "+host, v.Role == role, v.Role, role)
		had := count(list[0].Pieces)
		same("pieces had, has: "+host, v.Had == had && v.Has == pieces, []int{v.Had, v.Has}, []int{had, pieces})
	}
}
