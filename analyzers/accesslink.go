package analyzers

import "fmt"

// AccessLink is the link over which all clients of a capture reach the rest of
// the world, as a user describes it.
type AccessLink struct {
	Rate  int64 // bit/s; 0: not told
	Queue Queue
}

// Queue is the model of what waits for the access link.
type Queue uint8

// The models: requests come as a Poisson process, and one object is sent at a
// time.
const (
	MD1 Queue = iota // every object takes the same time
	MM1              // times are exponentially distributed
)

var queueNames = [...]string{MD1: "M/D/1", MM1: "M/M/1"}

func (q Queue) String() string { return queueNames[q] }

// MarshalText makes a Queue its name in JSON.
func (q Queue) MarshalText() ([]byte, error) { return []byte(queueNames[q]), nil }

// ParseQueue reads "md1" or "M/D/1", "mm1" or "M/M/1".
func ParseQueue(s string) (Queue, error) {
	switch s {
	case "md1", "M/D/1", "m/d/1":
		return MD1, nil
	case "mm1", "M/M/1", "m/m/1":
		return MM1, nil
	}
	return 0, fmt.Errorf("%q is no model of a queue; there are md1 (M/D/1) and mm1 (M/M/1)", s)
}

// Wait is the mean time in seconds that an object waits for the link, before
// its own sending, at utilisation rho and service seconds for each object. ok
// is false from 1 on: the queue grows without end.
func (q Queue) Wait(rho, service float64) (seconds float64, ok bool) {
	if rho >= 1 {
		return 0, false
	}
	w := rho * service / (1 - rho)
	if q == MD1 {
		w /= 2
	}
	return w, true
}
