package smtp

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/binary"
	"errors"
	"math/big"
	"net/netip"
	"time"

	"github.com/emersion/go-sasl"

	"github.com/wiretale/wiretale/events"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/stage"
	"github.com/wiretale/wiretale/replay/truth"
)

const (
	submission = "mail." + sender // the server's name
	password   = "ketchup and pickles"
)

// under is what the two ends hear under TLS.
type under struct{ client, server stage.Tap }

// playSTARTTLS is alice's mail program at the server of her provider.
func playSTARTTLS(ctx context.Context, m *mail) error {
	agent, err := m.Add("agent", "alice's mail program", agentAddr)
	if err != nil {
		return err
	}
	crepes, err := m.Add("crepes", "submission server of "+sender, crepesAddr)
	if err != nil {
		return err
	}
	m.talk(agent, crepes)
	if err := m.link(agent, crepes); err != nil {
		return err
	}
	cert, roots, err := certificate(m.Params.Seed, submission)
	if err != nil {
		return err
	}
	m.under = &under{}
	s := &server{domain: submission, actor: crepes, port: portSubmission, posted: &m.posted,
		tls: &tls.Config{Certificates: []tls.Certificate{cert}, Time: m.Now}, tap: &m.under.server, password: password}
	stop, err := s.serve()
	if err != nil {
		return err
	}
	defer stop()

	c, err := m.call(ctx, agent, "agent."+sender, netip.AddrPortFrom(crepesAddr, portSubmission),
		&tls.Config{ServerName: submission, RootCAs: roots, Time: m.Now, KeyLogWriter: m.KeyLog()}, &m.under.client)
	if err != nil {
		return err
	}
	if err := c.Auth(sasl.NewPlainClient("", alice, password)); err != nil {
		return err
	}
	l, err := m.author.Plain(alice, bob, "Only for you", ketchup+m.author.Words(100), date)
	if err != nil {
		return err
	}
	if err := c.hand(l, alice, bob); err != nil {
		return err
	}
	return c.Quit()
}

// certificate is one that a server signed itself, the same for the same seed.
func certificate(seed uint64, name string) (tls.Certificate, *x509.CertPool, error) {
	key := ed25519.NewKeyFromSeed(binary.LittleEndian.AppendUint64(make([]byte, ed25519.SeedSize-8), seed))
	template := &x509.Certificate{
		SerialNumber: new(big.Int).SetUint64(seed + 1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    simnet.Epoch.Add(-24 * time.Hour),
		NotAfter:     simnet.Epoch.Add(90 * 24 * time.Hour),
		KeyUsage:     x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	roots := x509.NewCertPool()
	roots.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots, nil
}

// tellTLS adds what came behind STARTTLS: two hellos, and how many bytes went
// each way. What was said inside goes to Protected.
func (m *mail) tellTLS(r *stage.Result, d *dialogue) error {
	for _, from := range []events.Dir{events.FromClient, events.FromServer} {
		said := d.c.Said(from)
		at := d.at[from]
		// A hello is the first record of its side (RFC 8446 section 5.1).
		if len(said) < at+5 {
			return errors.New("no hello behind STARTTLS")
		}
		hello, err := d.c.Message(truth.TLSHello, from, at, at+5+int(binary.BigEndian.Uint16(said[at+3:])))
		if err != nil {
			return err
		}
		bytes, err := d.c.Message(truth.Encrypted, from, 0, len(said))
		if err != nil {
			return err
		}
		// Of the whole connection, the lines before TLS too.
		bytes.Object = &truth.Object{Bytes: int64(len(said))}
		r.Truth.Messages = append(r.Truth.Messages, hello, bytes)
	}

	inner, err := d.c.Under(&m.under.client, &m.under.server, d.at)
	if err != nil {
		return err
	}
	in := dialogue{c: inner, greeted: true}
	if err := in.read(); err != nil {
		return err
	}
	found, err := m.letters(&in)
	if err != nil {
		return err
	}
	r.Truth.Protected = append(in.messages, found...)
	return nil
}
