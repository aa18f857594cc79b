package authority

import (
	"crypto/x509"
	"testing"

	"github.com/wiretale/wiretale/replay/simnet"
)

// Certificates are good for their name, be it an address, around the time of
// the simulation; and the same for the same seed.
func TestIssue(t *testing.T) {
	var serials []string
	for range 2 {
		a, err := New(7)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"www.example.test", "192.0.2.1", "2001:db8::1"} {
			c, err := a.Issue(name)
			if err != nil {
				t.Fatal(err)
			}
			leaf, err := x509.ParseCertificate(c.Certificate[0])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: a.Pool(), CurrentTime: simnet.Epoch}); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if leaf.VerifyHostname("other.test") == nil {
				t.Errorf("the certificate of %s is good for another", name)
			}
			serials = append(serials, string(leaf.Raw))
		}
	}
	for i := range 3 {
		if serials[i] != serials[i+3] {
			t.Errorf("certificate %d differs with the same seed", i)
		}
	}
}
