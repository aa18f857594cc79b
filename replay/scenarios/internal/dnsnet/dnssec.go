package dnsnet

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	mdns "github.com/miekg/dns"
)

// zoneKeys sign one zone (RFC 4033 section 2): the key-signing key signs the
// keys, the zone-signing key all the rest.
type zoneKeys struct {
	ksk, zsk         *mdns.DNSKEY
	kskPriv, zskPriv signer
}

// signer signs the same bytes with the same signature (RFC 6979), so that a
// seed makes the same zone each time.
type signer struct{ key *ecdsa.PrivateKey }

func (s signer) Public() crypto.PublicKey { return s.key.Public() }

func (s signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.key.Sign(nil, digest, opts)
}

// makeKey makes a key for ECDSA with P-256 (RFC 6605) up from the seed.
func (w *World) makeKey(zone string, flags uint16) (*mdns.DNSKEY, signer, error) {
	var key *ecdsa.PrivateKey
	for try := 0; ; try++ {
		var seed [8]byte
		binary.BigEndian.PutUint64(seed[:], w.Number("key", zone, flags, try))
		sum := sha256.Sum256(seed[:])
		var err error
		if key, err = ecdsa.ParseRawPrivateKey(elliptic.P256(), sum[:]); err == nil {
			break
		}
		if try > 8 { // one in 2^32 numbers is no key
			return nil, signer{}, err
		}
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		return nil, signer{}, err
	}
	k := &mdns.DNSKEY{Hdr: mdns.RR_Header{Name: zone, Rrtype: mdns.TypeDNSKEY, Class: mdns.ClassINET, Ttl: keyTTL},
		Flags: flags, Protocol: 3, Algorithm: mdns.ECDSAP256SHA256}
	k.PublicKey = base64.StdEncoding.EncodeToString(point[1:]) // without the octet that says "uncompressed"
	return k, signer{key}, nil
}

const keyTTL = 3600 // seconds

// Sign signs all of a zone, for a span of time, and returns the DS record
// that its parent is to have. Nothing denies what is not there (no NSEC).
func (w *World) Sign(z *Zone, from, until time.Time) (*mdns.DS, error) {
	z.mu.Lock()
	defer z.mu.Unlock()
	k := new(zoneKeys)
	var err error
	if k.ksk, k.kskPriv, err = w.makeKey(z.Origin, mdns.ZONE|mdns.SEP); err != nil {
		return nil, err
	}
	if k.zsk, k.zskPriv, err = w.makeKey(z.Origin, mdns.ZONE); err != nil {
		return nil, err
	}
	z.keys = k
	z.sets[setKey{z.Origin, mdns.TypeDNSKEY}] = []mdns.RR{k.ksk, k.zsk}
	z.sigs = map[setKey][]mdns.RR{}
	for set, rrs := range z.sets {
		// What lies below a cut, and the cut's servers, are not this zone's to
		// sign (RFC 4035 section 2.2).
		if cut := z.cut(set.name, set.rtype); cut != "" && !(cut == set.name && set.rtype == mdns.TypeDS) {
			continue
		}
		key, priv := k.zsk, k.zskPriv
		if set.rtype == mdns.TypeDNSKEY {
			key, priv = k.ksk, k.kskPriv
		}
		sig := &mdns.RRSIG{Hdr: mdns.RR_Header{Ttl: rrs[0].Header().Ttl}, Algorithm: key.Algorithm,
			Inception: uint32(from.Unix()), Expiration: uint32(until.Unix()), KeyTag: key.KeyTag(), SignerName: z.Origin}
		if err := sig.Sign(priv, rrs); err != nil {
			return nil, fmt.Errorf("zone %s: signing %s: %w", z.Origin, set.name, err)
		}
		z.sigs[set] = []mdns.RR{sig}
	}
	ds := k.ksk.ToDS(mdns.SHA256)
	ds.Hdr.Ttl = keyTTL
	return ds, nil
}

// Add adds a record to a zone that is not signed yet.
func (z *Zone) Add(rr mdns.RR) error {
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.add(rr)
}

// fault is why signatures do not hold.
type fault struct {
	code uint16 // RFC 8914
	text string
}

func (f *fault) Error() string { return f.text }

// tell says it in the answer (RFC 8914).
func (f *fault) tell(a *mdns.Msg) {
	if opt := a.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, &mdns.EDNS0_EDE{InfoCode: f.code, ExtraText: f.text})
	}
}

// trust is what a validating resolver found to be true.
type trust struct {
	mu   sync.Mutex
	ds   map[string][]*mdns.DS     // of each zone, told by its parent
	keys map[string][]*mdns.DNSKEY // that hold
}

// trusts reports whether answers of a zone can be checked, or need not be.
func (r *Resolver) trusts(zone string) bool {
	r.trust.mu.Lock()
	defer r.trust.mu.Unlock()
	return r.Anchor == nil || r.trust.keys[zone] != nil
}

// checkKeys asks for the keys of a zone and checks them against what its
// parent said (RFC 4035 section 5.2).
func (r *Resolver) checkKeys(ctx context.Context, zone string, servers []netip.Addr) *fault {
	if r.trusts(zone) {
		return nil
	}
	m, err := r.askAny(ctx, servers, zone, mdns.TypeDNSKEY, netip.Addr{})
	if err != nil {
		return &fault{mdns.ExtendedErrorCodeNoReachableAuthority, err.Error()}
	}
	var keys []*mdns.DNSKEY
	var anchors []*mdns.DNSKEY // that the parent, or the anchor, vouches for
	r.trust.mu.Lock()
	ds := r.trust.ds[zone]
	r.trust.mu.Unlock()
	if zone == "." {
		ds = r.Anchor
	}
	for _, rr := range m.Answer {
		k, ok := rr.(*mdns.DNSKEY)
		if !ok {
			continue
		}
		keys = append(keys, k)
		for _, d := range ds {
			if own := k.ToDS(d.DigestType); own != nil && own.KeyTag == d.KeyTag && own.Digest == d.Digest {
				anchors = append(anchors, k)
			}
		}
	}
	if len(anchors) == 0 {
		return r.verdict(zone+" DNSKEY", &fault{mdns.ExtendedErrorCodeDNSKEYMissing, "no key of " + zone + " is the one its parent names"})
	}
	if f := r.verify(m.Answer, zone, anchors); f != nil {
		return f
	}
	r.trust.mu.Lock()
	defer r.trust.mu.Unlock()
	if r.trust.keys == nil {
		r.trust.keys = map[string][]*mdns.DNSKEY{}
	}
	r.trust.keys[zone] = keys
	return nil
}

// checkReferral checks what a parent says of its child's keys.
func (r *Resolver) checkReferral(m *mdns.Msg, zone, cut string) *fault {
	if r.Anchor == nil {
		return nil
	}
	var set []mdns.RR
	var ds []*mdns.DS
	for _, rr := range m.Ns {
		switch rr := rr.(type) {
		case *mdns.DS:
			ds, set = append(ds, rr), append(set, rr)
		case *mdns.RRSIG:
			set = append(set, rr)
		}
	}
	if len(ds) == 0 {
		return r.verdict(cut+" DS", &fault{mdns.ExtendedErrorCodeDNSBogus, "no DS record of " + cut})
	}
	if f := r.checkSet(set, zone); f != nil {
		return f
	}
	r.trust.mu.Lock()
	defer r.trust.mu.Unlock()
	if r.trust.ds == nil {
		r.trust.ds = map[string][]*mdns.DS{}
	}
	r.trust.ds[cut] = ds
	return nil
}

// checkAnswer checks all sets of an answer.
func (r *Resolver) checkAnswer(m *mdns.Msg, zone string) *fault {
	if r.Anchor == nil {
		return nil
	}
	return r.checkSet(m.Answer, zone)
}

func (r *Resolver) checkSet(rrs []mdns.RR, zone string) *fault {
	r.trust.mu.Lock()
	keys := r.trust.keys[zone]
	r.trust.mu.Unlock()
	return r.verify(rrs, zone, keys)
}

// verify checks the signature of each set among rrs with one of the keys
// (RFC 4035 section 5.3).
func (r *Resolver) verify(rrs []mdns.RR, zone string, keys []*mdns.DNSKEY) *fault {
	sets := map[setKey][]mdns.RR{}
	sigs := map[setKey]*mdns.RRSIG{}
	var order []setKey
	for _, rr := range rrs {
		k := setKey{mdns.CanonicalName(rr.Header().Name), rr.Header().Rrtype}
		if sig, ok := rr.(*mdns.RRSIG); ok {
			k.rtype = sig.TypeCovered
			sigs[k] = sig
			continue
		}
		if sets[k] == nil {
			order = append(order, k)
		}
		sets[k] = append(sets[k], rr)
	}
	for _, k := range order {
		what := k.name + " " + mdns.TypeToString[k.rtype]
		sig := sigs[k]
		if sig == nil {
			return r.verdict(what, &fault{mdns.ExtendedErrorCodeRRSIGsMissing, "no signature of " + what})
		}
		i := slices.IndexFunc(keys, func(key *mdns.DNSKEY) bool { return key.KeyTag() == sig.KeyTag && sig.SignerName == zone })
		if i < 0 {
			return r.verdict(what, &fault{mdns.ExtendedErrorCodeDNSKEYMissing, "no key for the signature of " + what})
		}
		if err := sig.Verify(keys[i], sets[k]); err != nil {
			return r.verdict(what, &fault{mdns.ExtendedErrorCodeDNSBogus, "the signature of " + what + " does not fit"})
		}
		if !sig.ValidityPeriod(r.W.Now()) {
			end := time.Unix(int64(sig.Expiration), 0).UTC()
			return r.verdict(what, &fault{mdns.ExtendedErrorCodeSignatureExpired, "the signature of " + what + " ended on " + end.Format(time.DateOnly)})
		}
		_ = r.verdict(what, nil)
	}
	return nil
}

// verdict notes what came of checking a set.
func (r *Resolver) verdict(what string, f *fault) *fault {
	switch {
	case f == nil:
		r.W.Choose(r.Host.Name(), "verified", what, "")
	case f.code == mdns.ExtendedErrorCodeSignatureExpired:
		r.W.Choose(r.Host.Name(), "expired", what, f.text)
	default:
		r.W.Choose(r.Host.Name(), "bogus", what, f.text)
	}
	return f
}
