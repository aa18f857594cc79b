package dnssec

import (
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"

	mdns "github.com/miekg/dns"
)

// This file is the only one that does cryptography, all of it by miekg/dns.
// What panics in it stays in it.

// longestKey is that of a key's text: RSA of 4,096 bits has 700 letters. What
// is longer would only cost time.
const longestKey = 1400

var errBroken = errors.New("it cannot be read")

// parse reads one record.
func parse(line string) (rr mdns.RR, err error) {
	defer func() {
		if recover() != nil {
			rr, err = nil, errBroken
		}
	}()
	rr, err = mdns.NewRR(line)
	if err == nil && rr == nil {
		err = errBroken
	}
	return rr, err
}

// record reads the data of a record.
func record(owner string, ttl uint32, class, typ, data string) (mdns.RR, error) {
	return parse(fmt.Sprintf("%s %d %s %s %s", owner, ttl, class, typ, data))
}

// parseKey reads the data of a DNSKEY.
func parseKey(zone, data string) *mdns.DNSKEY {
	if len(data) > longestKey {
		return nil
	}
	rr, err := record(zone, 0, "IN", "DNSKEY", data)
	if err != nil {
		return nil
	}
	k, _ := rr.(*mdns.DNSKEY)
	return k
}

// usable: a key that may sign zones (RFC 4034 section 2.1, RFC 5011 section
// 2.1).
func usable(k *mdns.DNSKEY) bool {
	return k.Flags&mdns.ZONE != 0 && k.Flags&mdns.REVOKE == 0 && k.Protocol == 3
}

// fits reports whether ds is the digest of k.
func fits(k *mdns.DNSKEY, ds *mdns.DS) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	if ds.Algorithm != k.Algorithm || ds.KeyTag != k.KeyTag() || !usable(k) {
		return false
	}
	own := k.ToDS(ds.DigestType)
	return own != nil && strings.EqualFold(own.Digest, ds.Digest)
}

// verify is the outcome of one signature against one key: nil where it fits,
// errSignature where it does not, something else where that cannot be told.
var errSignature = errors.New("the signature does not fit")

func verify(sig *mdns.RRSIG, k *mdns.DNSKEY, rrs []mdns.RR) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errBroken
		}
	}()
	err = sig.Verify(k, rrs)
	if errors.Is(err, mdns.ErrSig) || errors.Is(err, rsa.ErrVerification) {
		return errSignature
	}
	return err
}

// known are the algorithms that can be verified here.
var known = []uint8{mdns.RSASHA1, mdns.RSASHA1NSEC3SHA1, mdns.RSASHA256, mdns.RSASHA512, mdns.ECDSAP256SHA256, mdns.ECDSAP384SHA384, mdns.ED25519}

func algorithm(n uint8) string {
	if s, ok := mdns.AlgorithmToString[n]; ok {
		return s
	}
	return fmt.Sprint(n)
}

func isKnown(n uint8) bool { return slices.Contains(known, n) }
