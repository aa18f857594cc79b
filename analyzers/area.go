package analyzers

// Area is the part of a network's work that a question belongs to. The report
// has a line for each, in this order.
type Area uint8

const (
	Transport Area = iota
	DNS
	Web
	Mail // and files
	PeerToPeer
	Mix // and streaming
)

var areas = [...]string{
	Transport:  "transport",
	DNS:        "DNS",
	Web:        "web",
	Mail:       "mail and files",
	PeerToPeer: "peer to peer",
	Mix:        "streaming, mix",
}

// Areas yields every area, in order.
func Areas(yield func(Area) bool) {
	for a := range areas {
		if !yield(Area(a)) {
			return
		}
	}
}

// String is the name of the area, as the report shows it.
func (a Area) String() string { return areas[a] }
