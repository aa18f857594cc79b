// Package all is the one list of protocols. It must not do anything else.
package all

import (
	"github.com/wiretale/wiretale/decoders"
	"github.com/wiretale/wiretale/decoders/bittorrent"
	"github.com/wiretale/wiretale/decoders/dht"
	"github.com/wiretale/wiretale/decoders/dns"
	"github.com/wiretale/wiretale/decoders/ftp"
	"github.com/wiretale/wiretale/decoders/http1"
	"github.com/wiretale/wiretale/decoders/http2"
	"github.com/wiretale/wiretale/decoders/imap"
	"github.com/wiretale/wiretale/decoders/lsd"
	"github.com/wiretale/wiretale/decoders/mail"
	"github.com/wiretale/wiretale/decoders/opaque"
	"github.com/wiretale/wiretale/decoders/pop3"
	"github.com/wiretale/wiretale/decoders/quic"
	"github.com/wiretale/wiretale/decoders/smtp"
	"github.com/wiretale/wiretale/decoders/tls"
	"github.com/wiretale/wiretale/decoders/tracker"
	"github.com/wiretale/wiretale/decoders/udptracker"
	"github.com/wiretale/wiretale/decoders/utp"
	"github.com/wiretale/wiretale/decoders/websocket"
)

// Protos are all protocols, in the order in which they are probed: what most
// flows speak, and what its first bytes tell, comes before what must be
// searched for in lines.
func Protos() []decoders.Proto {
	return []decoders.Proto{
		dns.Proto,
		http1.Proto,
		tls.Proto,
		opaque.SSH,
		http2.Proto,
		bittorrent.Proto,
		websocket.Proto,
		ftp.Proto,
		ftp.Data,
		smtp.Proto,
		mail.Proto,
		pop3.Proto,
		imap.Proto,
		opaque.DTLS,
		quic.Proto,
		opaque.WireGuard,
		dht.Proto,
		udptracker.Proto,
		utp.Proto,
		lsd.Proto,
		tracker.Proto,
		bittorrent.MSE,
	}
}
