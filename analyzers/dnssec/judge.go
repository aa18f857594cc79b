package dnssec

import (
	"fmt"
	"slices"
	"strings"
	"time"

	mdns "github.com/miekg/dns"

	"github.com/wiretale/wiretale/analyzers"
	"github.com/wiretale/wiretale/events"
)

// judge decides about all sets of a capture, each once.
type judge struct {
	s       *state
	anchors []anchor
	keys    map[string][]*mdns.DNSKEY
	own     []opinion             // by set
	of      map[string][]int      // sets by "owner type"
	trusts  map[string]*opinionOf // by zone
}

// opinion is that on one signature alone.
type opinion struct {
	done    bool
	verdict Verdict
	why     string // of undecided: what is missing
	sig     *mdns.RRSIG
	key     *mdns.DNSKEY // that it fits
}

// opinionOf is that on a zone's keys: whether a chain leads to them.
type opinionOf struct {
	verdict Verdict
	why     string
	keys    []*mdns.DNSKEY // believed
	chain   []Link
	anchor  string
}

func newJudge(s *state, lines []string) *judge {
	j := &judge{s: s, anchors: anchors(lines), keys: map[string][]*mdns.DNSKEY{}, own: make([]opinion, len(s.sets)), of: map[string][]int{}, trusts: map[string]*opinionOf{}}
	for i, x := range s.sets {
		k := x.owner + " " + x.typ
		j.of[k] = append(j.of[k], i)
	}
	return j
}

// zoneKeys are all keys of a zone in the capture, read once.
func (j *judge) zoneKeys(zone string) []*mdns.DNSKEY {
	ks, ok := j.keys[zone]
	if !ok {
		for _, d := range j.s.keys[zone] {
			if k := parseKey(zone, d); k != nil {
				ks = append(ks, k)
			}
		}
		j.keys[zone] = ks
	}
	return ks
}

// signature judges set i's signature alone.
func (j *judge) signature(i int) *opinion {
	o := &j.own[i]
	if o.done {
		return o
	}
	o.done = true
	x := j.s.sets[i]
	rr, err := record(x.owner, x.ttl, x.class, "RRSIG", x.sig)
	if err != nil {
		o.verdict, o.why = Undecided, "the signature cannot be read"
		return o
	}
	o.sig, _ = rr.(*mdns.RRSIG)
	if o.sig == nil {
		o.verdict, o.why = Undecided, "the signature cannot be read"
		return o
	}
	o.sig.SignerName = strings.ToLower(o.sig.SignerName)
	o.verdict, o.why = j.fit(x, o)
	if o.verdict == Bad {
		return o
	}
	at := x.first.time.Std()
	switch valid := o.sig.ValidityPeriod(at); {
	case valid:
	case serial(uint32(at.Unix())-o.sig.Expiration) > 0:
		o.verdict, o.why = Expired, fmt.Sprintf("the signature of %s %s ended on %s", x.owner, x.typ, date(o.sig.Expiration, at))
	default:
		o.verdict, o.why = NotYetValid, fmt.Sprintf("the signature of %s %s begins on %s", x.owner, x.typ, date(o.sig.Inception, at))
	}
	return o
}

// serial is a difference of serial numbers (RFC 1982).
func serial(d uint32) int32 { return int32(d) }

// moment is the time that a serial number stands for, near at (RFC 4034
// section 3.1.5).
func moment(s uint32, at time.Time) time.Time {
	return at.Add(time.Duration(serial(s-uint32(at.Unix()))) * time.Second).Truncate(time.Second).UTC()
}

func date(s uint32, at time.Time) string { return moment(s, at).Format(time.RFC3339) }

// maxTries: a zone whose keys share a tag makes its readers work (KeyTrap,
// CVE-2023-50387).
const maxTries = 4

// fit holds the signature against the keys of its signer.
func (j *judge) fit(x *set, o *opinion) (Verdict, string) {
	sig := o.sig
	what := x.owner + " " + x.typ
	switch {
	case !mdns.IsSubDomain(sig.SignerName, x.owner):
		return Bad, fmt.Sprintf("%s is signed by %s, which is not above it", what, sig.SignerName)
	case !isKnown(sig.Algorithm):
		return Undecided, fmt.Sprintf("algorithm %s of the signature of %s is not known", algorithm(sig.Algorithm), what)
	}
	var rrs []mdns.RR
	for _, d := range x.data {
		rr, err := record(x.owner, sig.OrigTtl, x.class, x.typ, d)
		if err != nil {
			return Undecided, fmt.Sprintf("a record of %s cannot be read", what)
		}
		rrs = append(rrs, rr)
	}
	tried, last, tries := false, error(nil), 0
	for _, k := range j.zoneKeys(sig.SignerName) {
		if k.KeyTag() != sig.KeyTag || k.Algorithm != sig.Algorithm || !usable(k) {
			continue
		}
		if tries++; tries > maxTries {
			return Undecided, fmt.Sprintf("more than %d keys of %s bear the tag %d", maxTries, sig.SignerName, sig.KeyTag)
		}
		err := verify(sig, k, rrs)
		if err == nil {
			o.key = k
			return Verified, ""
		}
		if err == errSignature {
			tried = true
		} else {
			last = err
		}
	}
	switch {
	case tried && x.partial:
		return Undecided, fmt.Sprintf("the message with %s was cut off", what)
	case tried:
		return Bad, fmt.Sprintf("the signature of %s does not fit", what)
	case last != nil:
		return Undecided, fmt.Sprintf("the signature of %s cannot be verified: %v", what, last)
	}
	return Undecided, fmt.Sprintf("DNSKEY %d of %s is not in the capture", sig.KeyTag, sig.SignerName)
}

// better keeps the opinion that says more: verified before all, then the worst.
func better(a, b *opinionOf) *opinionOf {
	if a == nil || b.verdict == Verified || a.verdict != Verified && rank[b.verdict] < rank[a.verdict] {
		return b
	}
	return a
}

// longestChain: names have 127 labels at most, so chains have an end.
const longestChain = 128

// trust judges the keys of a zone. It goes up only, so that it ends.
func (j *judge) trust(zone string, depth int) *opinionOf {
	if t := j.trusts[zone]; t != nil {
		return t
	}
	var best *opinionOf
	for _, i := range j.of[zone+" DNSKEY"] {
		best = better(best, j.keySet(zone, i, depth))
		if best.verdict == Verified {
			break
		}
	}
	if best == nil {
		best = &opinionOf{verdict: Undecided, why: fmt.Sprintf("the signed DNSKEY set of %s is not in the capture", zone)}
	}
	j.trusts[zone] = best
	return best
}

// keySet judges one signed set of keys: its signature, and what vouches for
// the key that made it.
func (j *judge) keySet(zone string, i, depth int) *opinionOf {
	o, x := j.signature(i), j.s.sets[i]
	t := &opinionOf{verdict: o.verdict, why: o.why}
	if o.sig != nil {
		t.chain = []Link{{zone, "DNSKEY", o.sig.KeyTag, o.verdict, x.first.frame}}
	}
	if o.verdict != Verified {
		return t
	}
	if o.sig.SignerName != zone {
		t.verdict, t.why = Bad, fmt.Sprintf("the DNSKEY set of %s is signed by %s", zone, o.sig.SignerName)
		return t
	}
	for _, d := range x.data {
		if k := parseKey(zone, d); k != nil && usable(k) {
			t.keys = append(t.keys, k)
		}
	}
	anchored := false
	for n := range j.anchors {
		a := &j.anchors[n]
		if a.zone != zone {
			continue
		}
		anchored = true
		if a.believes(o.key, x.first.time) {
			t.anchor = a.text()
			return t
		}
	}
	if anchored || zone == "." {
		t.verdict, t.why = Undecided, fmt.Sprintf("no trust anchor names key %d of %s (--trust-anchor takes others)", o.sig.KeyTag, zone)
		return t
	}
	if depth >= longestChain {
		t.verdict, t.why = Undecided, "the chain is too long"
		return t
	}
	var up *opinionOf
	for _, d := range j.of[zone+" DS"] {
		up = better(up, j.delegation(zone, d, o.key, depth+1))
	}
	if up == nil {
		up = &opinionOf{verdict: Undecided, why: fmt.Sprintf("the signed DS set of %s is not in the capture", zone)}
	}
	t.verdict, t.why, t.anchor = up.verdict, up.why, up.anchor
	t.chain = append(t.chain, up.chain...)
	return t
}

// delegation judges one signed DS set, which may vouch for key.
func (j *judge) delegation(zone string, i int, key *mdns.DNSKEY, depth int) *opinionOf {
	o, x := j.signature(i), j.s.sets[i]
	t := &opinionOf{verdict: o.verdict, why: o.why}
	if o.sig != nil {
		t.chain = []Link{{zone, "DS", o.sig.KeyTag, o.verdict, x.first.frame}}
	}
	if o.verdict != Verified {
		return t
	}
	match := slices.ContainsFunc(x.data, func(d string) bool {
		rr, err := record(zone, 0, x.class, "DS", d)
		ds, ok := rr.(*mdns.DS)
		return err == nil && ok && fits(key, ds)
	})
	switch {
	case o.sig.SignerName == zone:
		t.verdict, t.why = Bad, fmt.Sprintf("the DS set of %s is signed by the zone itself", zone)
		return t
	case !match:
		t.verdict, t.why = Bad, fmt.Sprintf("no DS of %s fits the key %d that signs its DNSKEY set", zone, key.KeyTag())
		return t
	}
	up := j.believed(o, depth)
	t.verdict, t.why, t.anchor = up.verdict, up.why, up.anchor
	t.chain = append(t.chain, up.chain...)
	return t
}

// believed judges the chain above a signature that fits its key.
func (j *judge) believed(o *opinion, depth int) *opinionOf {
	up := j.trust(o.sig.SignerName, depth)
	if up.verdict == Verified && !slices.ContainsFunc(up.keys, func(k *mdns.DNSKEY) bool {
		return k.PublicKey == o.key.PublicKey && k.Algorithm == o.key.Algorithm
	}) {
		return &opinionOf{verdict: Bad, why: fmt.Sprintf("key %d of %s is not in the DNSKEY set that the chain leads to", o.sig.KeyTag, o.sig.SignerName), chain: up.chain}
	}
	return up
}

// row is the answer for set i.
func (j *judge) row(i int) *Set {
	o, x := j.signature(i), j.s.sets[i]
	v := &Set{Name: x.owner, Type: x.typ, Verdict: o.verdict, Signature: o.verdict, Records: len(x.data), Seen: x.seen, Reason: o.why}
	fs := []uint64{x.first.frame, x.last.frame}
	if o.sig != nil {
		at := x.first.time.Std()
		v.Signer, v.KeyTag, v.Algorithm = o.sig.SignerName, o.sig.KeyTag, algorithm(o.sig.Algorithm)
		v.From, v.Until = date(o.sig.Inception, at), date(o.sig.Expiration, at)
		ends := moment(o.sig.Expiration, at)
		v.Left = ends.Sub(at).Seconds()
		v.Wildcard = int(o.sig.Labels) < labels(x.owner)
		if o.verdict == Verified && x.last.time > events.TimeOf(ends) {
			v.UsedExpired = x.last.frame
		}
	}
	if o.verdict == Verified {
		up := j.believed(o, 0)
		if x.typ == "DNSKEY" { // by itself
			up = j.keySet(x.owner, i, 0)
		}
		v.Verdict, v.Reason, v.Chain, v.Anchor = up.verdict, up.why, up.chain, up.anchor
		for _, l := range v.Chain {
			fs = append(fs, l.Frame)
		}
	}
	if v.Verdict == Undecided {
		v.Undecided, v.Reason = v.Reason, ""
	}
	v.Frames = analyzers.ArrangeFrames(fs)
	v.Filter = x.first.flow.Filter() + " && dns.resp.type == 46"
	return v
}

// labels are those that a signature counts: not the root, nor a wildcard's
// star (RFC 4034 section 3.1.3).
func labels(owner string) int {
	n := mdns.CountLabel(owner)
	if strings.HasPrefix(owner, "*.") {
		n--
	}
	return n
}
