package mix

import (
	"fmt"
	"slices"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// What is encrypted is counted for what its hello or its port says that it is
// for: the hello first, for any port may carry anything.

// byPort are the ports of IANA's registry for a service over TLS, DTLS or QUIC.
func byPort(port uint16) Category {
	switch port {
	case 443, 8443:
		return Web
	case 465, 587, 993, 995:
		return Mail
	case 853:
		return Names
	case 989, 990:
		return Files
	case 5061, 5223, 5349:
		return Voice
	case 636:
		return Network
	}
	return Encrypted
}

// byALPN says what the protocols that a client offers are for (IANA's registry
// of ALPN). "" where it does not say.
func byALPN(alpn []string) Category {
	for _, p := range alpn {
		switch p {
		case "h2", "h3", "http/1.1", "http/1.0":
			return Web
		case "dot", "doq":
			return Names
		case "imap", "pop3", "managesieve":
			return Mail
		case "ftp":
			return Files
		case "xmpp-client", "xmpp-server", "irc", "stun.turn", "stun.nat-discovery", "webrtc", "c-webrtc", "sip/2":
			return Voice
		case "smb":
			return Files
		case "mqtt":
			return Network
		case "postgresql", "tds/8.0":
			return Databases
		}
		if strings.HasPrefix(p, "h3-") {
			return Web
		}
	}
	return ""
}

// domains are those whose hosts carry nothing but one category: the servers of
// films of the large services, and public resolvers of DNS over HTTPS.
var domains = map[string]Category{
	"googlevideo.com": Streaming, "nflxvideo.net": Streaming, "ttvnw.net": Streaming, "vimeocdn.com": Streaming, "aiv-cdn.net": Streaming, "pv-cdn.net": Streaming,
	"dssott.com": Streaming, "scdn.co": Streaming,
	"dns.google": Names, "cloudflare-dns.com": Names, "dns.quad9.net": Names, "doh.opendns.com": Names, "dns.adguard-dns.com": Names, "dns.nextdns.io": Names,
}

// labels are the first labels of hosts that say what they are for.
var labels = map[string]Category{
	"smtp": Mail, "imap": Mail, "pop": Mail, "pop3": Mail, "mail": Mail, "mx": Mail, "ftp": Files, "ftps": Files, "doh": Names, "dot": Names, "turn": Voice, "stun": Voice, "sip": Voice, "xmpp": Voice,
}

// byName says what a server's name is for. "" where it does not say. web: the
// hello offers HTTP, so that only names of which it is known decide.
func byName(sni string, web bool) Category {
	for rest := strings.TrimSuffix(strings.ToLower(sni), "."); rest != ""; {
		if c := domains[rest]; c != "" {
			return c
		}
		_, rest, _ = strings.Cut(rest, ".")
	}
	if label, rest, _ := strings.Cut(strings.ToLower(sni), "."); !web && rest != "" {
		return labels[label]
	}
	return ""
}

// hello remembers what a flow is for.
func (t *tables) hello(h *events.TLSClientHello, e *events.Event) {
	alpn := byALPN(h.ALPN)
	c := byName(h.SNI, alpn == Web)
	if c == "" {
		c = alpn
	}
	if c == "" || c == byPort(e.Flow.ServerPort) {
		return
	}
	if _, ok := t.hints[e.Key()]; !ok && len(t.hints) >= t.earlyLimit {
		t.limited++
		return
	}
	t.hints[e.Key()] = numberOf(c)
}

// purpose is the category of the bytes of a flow of that protocol.
func (t *tables) purpose(p *tally, e *events.Event) number {
	if p.category != encryptedNumber {
		return p.category
	}
	if len(t.hints) > 0 {
		if c, ok := t.hints[e.Key()]; ok {
			return c
		}
	}
	return numberOf(byPort(e.Flow.ServerPort))
}

// use is what of an encrypted protocol is for one category.
type use struct {
	tally
	ports []uint16 // of its servers; none: too many
}

// maxPorts is how many ports a filter names.
const maxPorts = 16

// use of a protocol for another category than its own; nil: its own.
func (p *tally) use(c number) *use {
	if c == p.category {
		return nil
	}
	if p.uses == nil {
		p.uses = map[number]*use{}
	}
	u := p.uses[c]
	if u == nil {
		u = &use{ports: []uint16{}}
		p.uses[c] = u
	}
	return u
}

func (u *use) on(port uint16) {
	if u.ports == nil || slices.Contains(u.ports, port) {
		return
	}
	if len(u.ports) == maxPorts {
		u.ports = nil
		return
	}
	u.ports = append(u.ports, port)
}

// filter shows the protocol on the ports of the use.
func (u *use) filter(protocol string) string {
	f := about(protocol).filter
	if len(u.ports) == 0 {
		return f
	}
	slices.Sort(u.ports)
	ports := strings.Trim(strings.Join(strings.Fields(fmt.Sprint(u.ports)), ", "), "[]")
	return fmt.Sprintf("%s && (tcp.port in {%s} || udp.port in {%s})", f, ports, ports)
}
