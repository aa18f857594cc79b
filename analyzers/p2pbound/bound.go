package p2pbound

import "math"

// Server is the least time in which one server that sends u brings F to n
// clients, the slowest of which receives at least (client-server
// distribution): it must send n copies, and the slowest must receive one.
//
//	D_cs ≥ max{ n·F/u_s, F/d_min }
//
// F is in bytes and rates in bytes a second, or both in bits.
func Server(n int, f, us, least float64) float64 {
	return max(float64(n)*f/us, f/least)
}

// Swarm is the least time in which a seed that sends u_s, and n peers that
// send sum together, bring F to all n: the seed must send one copy, the
// slowest must receive one, and all together must send n.
//
//	D_p2p ≥ max{ F/u_s, F/d_min, n·F/(u_s + Σu_i) }
func Swarm(n int, f, us, least, sum float64) float64 {
	return max(f/us, f/least, float64(n)*f/(us+sum))
}

// Curve is both bounds for 1 to n peers, each of which sends what a peer sends
// on the average.
func Curve(n int, f, us, least, mean float64) []Point {
	out := make([]Point, 0, n)
	for k := 1; k <= n; k++ {
		out = append(out, Point{Peers: k, Server: seconds(Server(k, f, us, least)), Swarm: seconds(Swarm(k, f, us, least, float64(k)*mean))})
	}
	return out
}

// seconds is a time that JSON can hold.
func seconds(x float64) float64 {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return math.MaxFloat64
	}
	return x
}
