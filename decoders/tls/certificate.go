package tls

import (
	//lint:ignore SA1019 old captures have certificates with such keys
	"crypto/dsa"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/events"
)

// certificates tells the chain of a Certificate message (RFC 5246 section
// 7.4.2).
func (c *call) certificates(body []byte, first decoders.Mark) {
	list := cursor{b: body}
	chain := cursor{b: list.vector(3)}
	if c.s.progress.nothingKnown() && (list.short || list.more()) {
		return // joined midway, these were the bytes of a cipher
	}
	most := c.s.env.Limits.TLSCertificates
	for i := 0; chain.more(); i++ {
		if i == most {
			c.out.Limit("tls-certificates", most, "the rest of a chain is not told", int64(len(chain.b)))
			return
		}
		der := chain.vector(3)
		if chain.short {
			break
		}
		if !c.s.env.Want.Has(events.KindTLSCertificate) {
			continue
		}
		e, err := certificate(der)
		if err != nil {
			c.violation("certificate " + decimal(uint64(i)) + ": " + err.Error())
		}
		e.Index, e.FirstFrame = i, first.Frame
		c.out.Emit(c.w.From, e)
	}
	if list.short || list.more() || chain.short {
		c.violation("certificate: the lengths of the chain do not fit")
	}
}

// certificate is what one certificate says. With an error it is what could be
// read of it.
func certificate(der []byte) (*events.TLSCertificate, error) {
	sum := sha256.Sum256(der)
	e := &events.TLSCertificate{SHA256: hex.EncodeToString(sum[:]), Bytes: len(der)}
	x, err := x509.ParseCertificate(der)
	if err != nil {
		readBroken(der, e)
		return e, err
	}
	e.Subject, e.Issuer = rdnText(x.RawSubject), rdnText(x.RawIssuer)
	e.NotBefore, e.NotAfter = rfc3339(x.NotBefore), rfc3339(x.NotAfter)
	e.Serial = serial(x.SerialNumber.Bytes())
	e.KeyType = keyType(x)
	e.Names = append(e.Names, x.DNSNames...)
	for _, ip := range x.IPAddresses {
		if a, ok := netip.AddrFromSlice(ip); ok {
			e.Names = append(e.Names, a.Unmap().String())
		}
	}
	e.Names = append(e.Names, x.EmailAddresses...)
	for _, u := range x.URIs {
		e.Names = append(e.Names, u.String())
	}
	return e, nil
}

// serial is a number in hexadecimal, whole bytes without leading zeros.
func serial(b []byte) string {
	for len(b) > 1 && b[0] == 0 {
		b = b[1:]
	}
	if len(b) == 0 {
		return "00"
	}
	return hex.EncodeToString(b)
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// rdnText is a distinguished name as RFC 2253 writes it; "" where it does not
// parse.
func rdnText(der []byte) string {
	var seq pkix.RDNSequence
	if _, err := asn1.Unmarshal(der, &seq); err != nil {
		return ""
	}
	return seq.String()
}

func keyType(x *x509.Certificate) string {
	switch k := x.PublicKey.(type) {
	case *rsa.PublicKey:
		return "RSA " + decimal(uint64(k.N.BitLen()))
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case *dsa.PublicKey:
		return "DSA " + decimal(uint64(k.P.BitLen()))
	}
	if x.PublicKeyAlgorithm == x509.UnknownPublicKeyAlgorithm {
		return ""
	}
	return x.PublicKeyAlgorithm.String()
}
