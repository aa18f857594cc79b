package dht

import (
	"encoding/hex"
	"net/netip"
	"strconv"

	"github.com/wiretale/wiretale/decoders/bencode"
	"github.com/wiretale/wiretale/events"
)

// Lengths of compact information (BEP 5 "contact encoding", BEP 32).
const (
	idLen    = 20
	peer4Len = 4 + 2
	peer6Len = 16 + 2
)

// read makes the event of a message; wrong is the first thing that breaks a
// rule. Not ok: it is no message at all.
func read(v bencode.Value) (m *events.DHTMessage, wrong string, ok bool) {
	y, haveY := v.GetBytes("y")
	t, haveT := v.GetBytes("t")
	r := reader{m: &events.DHTMessage{Transaction: hex.EncodeToString(t)}}
	m = r.m
	args, haveArgs := v.Get("a")
	answer, haveAnswer := v.Get("r")
	fault, haveFault := v.Get("e")
	switch {
	case string(y) == "q" || !haveY && haveArgs:
		m.Type = "query"
		m.Query = text(v, "q")
		r.note(!haveArgs, "a query without arguments")
		r.note(m.Query == "", "a query without a name")
		r.args(args)
		ro, _ := v.GetInt("ro")
		m.ReadOnly = ro == 1
	case string(y) == "r" || !haveY && haveAnswer:
		m.Type = "response"
		r.note(!haveAnswer, "a response without values")
		r.args(answer)
	case string(y) == "e" || !haveY && haveFault:
		m.Type = "error"
		r.note(!haveFault, "an error that says nothing")
		r.fault(fault)
		r.read(answer) // libtorrent says who it is
	default:
		return nil, "", false
	}
	if !haveY && !haveT {
		return nil, "", false
	}
	r.note(!haveY, "no type")
	r.note(!haveT, "no transaction")
	if ip, ok := v.GetBytes("ip"); ok {
		m.ExternalAddress = external(ip)
	}
	if c, ok := v.GetBytes("v"); ok {
		m.Client, m.Version = client(c), hex.EncodeToString(c)
	}
	return m, r.wrong, true
}

// reader fills one event.
type reader struct {
	m     *events.DHTMessage
	wrong string
}

func (r *reader) note(broken bool, what string) {
	if broken && r.wrong == "" {
		r.wrong = what
	}
}

// args reads what a query asks or a response answers.
func (r *reader) args(v bencode.Value) { r.note(!r.read(v), "no id") }

// read reads a dictionary of arguments, or of values.
func (r *reader) read(v bencode.Value) (hasID bool) {
	m := r.m
	for key, x := range v.Dict() {
		switch string(key) {
		case "id":
			hasID = true
			m.ID = r.hash("id", x)
		case "target":
			m.Target = r.hash("target", x)
		case "info_hash":
			m.InfoHash = r.hash("info_hash", x)
		case "nodes":
			r.nodes(x, peer4Len)
		case "nodes6":
			r.nodes(x, peer6Len)
		case "values":
			r.values(x)
		case "token":
			m.Token = r.hex("token", x)
		case "port":
			if n, ok := x.Int(); ok && n > 0 && n < 1<<16 {
				m.Port = uint16(n)
			} else {
				r.note(true, "a port that is none")
			}
		case "p": // libtorrent and µTorrent: the port of the receiver
			if n, ok := x.Int(); ok && n > 0 && n < 1<<16 {
				m.ExternalPort = uint16(n)
			}
		case "ip": // before BEP 42 gave it its place
			b, _ := x.Bytes()
			m.ExternalAddress = external(b)
		case "implied_port":
			n, _ := x.Int()
			m.ImpliedPort = n != 0
		case "want": // BEP 32
			for w := range x.List() {
				m.Want = append(m.Want, w.Text())
			}
		case "scrape", "noseed", "seed": // BEP 33
			if n, _ := x.Int(); n != 0 {
				m.Flags = append(m.Flags, string(key))
			}
		case "BFsd":
			m.SeedFilter = r.hex("BFsd", x)
		case "BFpe":
			m.PeerFilter = r.hex("BFpe", x)
		case "samples": // BEP 51
			r.samples(x)
		case "num":
			m.Num = number(x)
		case "interval":
			m.Interval = number(x)
		case "seq": // BEP 44
			m.Seq = number(x)
		case "cas":
			m.CAS = number(x)
		case "k":
			m.Key = r.hex("k", x)
		case "sig":
			m.Signature = r.hex("sig", x)
		case "salt":
			m.Salt = r.hex("salt", x)
		case "v":
			m.ValueBytes = len(x)
		}
	}
	return hasID
}

func number(v bencode.Value) *int64 {
	if n, ok := v.Int(); ok {
		return &n
	}
	return nil
}

func (r *reader) hex(name string, v bencode.Value) string {
	b, ok := v.Bytes()
	r.note(!ok, name+" is no string")
	return hex.EncodeToString(b)
}

func (r *reader) hash(name string, v bencode.Value) string {
	b, _ := v.Bytes()
	r.note(len(b) != idLen, name+" is not "+strconv.Itoa(idLen)+" bytes long")
	return hex.EncodeToString(b)
}

// nodes reads compact node information: an id, an address and a port each.
func (r *reader) nodes(v bencode.Value, peerLen int) {
	b, ok := v.Bytes()
	n := idLen + peerLen
	r.note(!ok || len(b)%n != 0, "nodes of a length that is no multiple of "+strconv.Itoa(n))
	if r.m.Nodes == nil {
		r.m.Nodes = make([]string, 0, len(b)/n)
	}
	for ; len(b) >= n; b = b[n:] {
		r.m.Nodes = append(r.m.Nodes, hex.EncodeToString(b[:idLen])+"@"+endpoint(b[idLen:n]))
	}
}

// values reads peers, one in each string.
func (r *reader) values(v bencode.Value) {
	r.note(v.Kind() != bencode.List, "values are no list")
	for x := range v.List() {
		b, _ := x.Bytes()
		if p := endpoint(b); p != "" {
			r.m.Values = append(r.m.Values, p)
		} else {
			r.note(true, "a peer that is neither "+strconv.Itoa(peer4Len)+" nor "+strconv.Itoa(peer6Len)+" bytes long")
		}
	}
}

func (r *reader) samples(v bencode.Value) {
	b, ok := v.Bytes()
	r.note(!ok || len(b)%idLen != 0, "samples of a length that is no multiple of "+strconv.Itoa(idLen))
	for ; len(b) >= idLen; b = b[idLen:] {
		r.m.Samples = append(r.m.Samples, hex.EncodeToString(b[:idLen]))
	}
}

// fault reads an error: a list of a number and a text.
func (r *reader) fault(v bencode.Value) {
	r.note(v.Kind() != bencode.List, "an error that is no list")
	for x := range v.List() {
		if n, ok := x.Int(); ok {
			r.m.Code = int(n)
		} else if s := x.Text(); s != "" {
			r.m.Message = s
		}
	}
}

// endpoint is a compact address and port, "" where the length is of neither
// family.
func endpoint(b []byte) string {
	switch len(b) {
	case peer4Len, peer6Len:
		a, _ := netip.AddrFromSlice(b[:len(b)-2])
		return netip.AddrPortFrom(a, uint16(b[len(b)-2])<<8|uint16(b[len(b)-1])).String()
	}
	return ""
}

// external is the address that BEP 42 gives back: with a port, or, as before
// that was settled, without.
func external(b []byte) string {
	if a, ok := netip.AddrFromSlice(b); ok {
		return a.String()
	}
	return endpoint(b)
}

// client is the name of a client from its v (BEP 5, BEP 20): two letters, and
// two bytes of version as each likes.
func client(v []byte) string {
	if len(v) < 2 {
		return ""
	}
	name := ""
	switch string(v[:2]) {
	case "UT":
		name = "µTorrent"
	case "LT":
		name = "libtorrent"
	case "lt":
		name = "libTorrent"
	case "TR":
		name = "Transmission"
	case "AZ":
		name = "Vuze"
	case "MO":
		name = "Mono Torrent"
	default:
		for _, c := range v[:2] {
			if c|0x20 < 'a' || c|0x20 > 'z' {
				return ""
			}
		}
		name = string(v[:2])
	}
	if len(v) != 4 {
		return name
	}
	return name + " " + hex.EncodeToString(v[2:])
}

func text(v bencode.Value, key string) string {
	x, _ := v.Get(key)
	return x.Text()
}
