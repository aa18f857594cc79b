// Package authority makes certificates for the servers of a simulated network.
// It must not be trusted anywhere else: its keys are made from a seed.
package authority

import (
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/wiretale/wiretale/replay/simnet"
)

// Authority is a certificate authority of one network. Its keys are made from
// the seed, so that they are worth nothing anywhere else. All is Ed25519,
// whose signatures are the same each time (RFC 8032).
type Authority struct {
	rnd  *rand.ChaCha8
	key  ed25519.PrivateKey
	cert *x509.Certificate
	last int64 // serial number
}

// validity is that of all certificates, around simnet.Epoch.
const validity = 90 * 24 * time.Hour

// New makes an authority: the same for the same seed.
func New(seed uint64) (*Authority, error) {
	var s [32]byte
	copy(s[:], "wiretale replay authority")
	for i := range 8 {
		s[24+i] = byte(seed >> (8 * i))
	}
	a := &Authority{rnd: rand.NewChaCha8(s)}
	a.key = a.newKey()
	t := a.template("wiretale replay authority")
	t.IsCA, t.BasicConstraintsValid = true, true
	t.KeyUsage = x509.KeyUsageCertSign
	der, err := x509.CreateCertificate(a.rnd, t, t, a.key.Public(), a.key)
	if err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		return nil, fmt.Errorf("authority: %w", err)
	}
	return a, nil
}

func (a *Authority) newKey() ed25519.PrivateKey {
	var seed [ed25519.SeedSize]byte
	_, _ = a.rnd.Read(seed[:]) // never fails
	return ed25519.NewKeyFromSeed(seed[:])
}

func (a *Authority) template(name string) *x509.Certificate {
	a.last++
	return &x509.Certificate{
		SerialNumber: big.NewInt(a.last),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    simnet.Epoch.Add(-validity / 2),
		NotAfter:     simnet.Epoch.Add(validity / 2),
	}
}

// Issue makes a key and its certificate for a server of that name, which may be
// an address.
func (a *Authority) Issue(name string) (tls.Certificate, error) {
	key := a.newKey()
	t := a.template(name)
	if a, err := netip.ParseAddr(name); err == nil {
		t.IPAddresses = []net.IP{a.AsSlice()}
	} else {
		t.DNSNames = []string{name}
	}
	t.KeyUsage = x509.KeyUsageDigitalSignature
	t.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := x509.CreateCertificate(a.rnd, t, a.cert, key.Public(), a.key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("authority: certificate of %s: %w", name, err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// Pool is what a client trusts.
func (a *Authority) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}
