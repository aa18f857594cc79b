package mix

import "strings"

// Category is what a protocol is used for.
type Category string

// The categories. What is encrypted and could be anything is said so.
const (
	Web        Category = "web"
	Mail       Category = "mail"
	Names      Category = "name resolution"
	Files      Category = "file transfer"
	PeerToPeer Category = "peer to peer"
	Streaming  Category = "streaming"
	Voice      Category = "voice and messaging"
	Remote     Category = "remote access"
	Network    Category = "network control"
	Tunnel     Category = "tunnel"
	Databases  Category = "database"
	Encrypted  Category = "encrypted other"
	Unknown    Category = "unknown"
)

// categories are all of them.
var categories = [...]Category{Web, Mail, Names, Files, PeerToPeer, Streaming, Voice, Remote, Network, Tunnel, Databases, Encrypted, Unknown}

// number is the place of a category in categories.
type number uint8

func numberOf(c Category) number {
	for i := range categories {
		if categories[i] == c {
			return number(i)
		}
	}
	return number(len(categories) - 1)
}

var unknownNumber, encryptedNumber = numberOf(Unknown), numberOf(Encrypted)

// known is what is said of one protocol: its category, and the name that
// Wireshark's display filter has for it ("": the same).
type known struct {
	category Category
	filter   string
}

// protocols are those that decoders and flows name.
var protocols = map[string]known{
	"http":  {Web, ""},
	"http1": {Web, "http"},
	"http2": {Web, ""},
	"http3": {Web, ""}, "websocket": {Web, ""},
	"smtp": {Mail, ""}, "pop3": {Mail, "pop"}, "imap": {Mail, ""},
	"dns": {Names, ""}, "mdns": {Names, ""}, "llmnr": {Names, ""}, "nbns": {Names, ""},
	"ftp": {Files, ""}, "ftp-data": {Files, ""}, "ftp.data": {Files, "ftp-data"}, "tftp": {Files, ""}, "smb": {Files, "smb || smb2"}, "nfs": {Files, ""}, "rsync": {Files, ""},
	"bittorrent": {PeerToPeer, ""}, "utp": {PeerToPeer, "bt-utp"}, "dht": {PeerToPeer, "bt-dht"}, "bittorrent.tracker": {PeerToPeer, "bt-tracker"}, "bt-tracker": {PeerToPeer, ""},
	"rtsp": {Streaming, ""}, "rtmp": {Streaming, "rtmpt"}, "rtp": {Streaming, ""}, "rtcp": {Streaming, ""}, "dash": {Streaming, "http"}, "hls": {Streaming, "http"},
	"sip": {Voice, ""}, "stun": {Voice, ""}, "irc": {Voice, ""}, "xmpp": {Voice, ""},
	"ssh": {Remote, ""}, "telnet": {Remote, ""}, "rdp": {Remote, ""}, "vnc": {Remote, ""},
	"dhcp": {Network, ""}, "dhcpv6": {Network, ""}, "ntp": {Network, ""}, "snmp": {Network, ""}, "ssdp": {Network, ""}, "bgp": {Network, ""}, "syslog": {Network, ""},
	"icmp": {Network, ""}, "icmpv6": {Network, ""}, "igmp": {Network, ""}, "ospf": {Network, ""}, "pim": {Network, ""}, "vrrp": {Network, ""},
	"gre": {Tunnel, ""}, "esp": {Tunnel, ""}, "ah": {Tunnel, ""}, "wireguard": {Tunnel, "wg"}, "openvpn": {Tunnel, ""},
	"mysql": {Databases, ""}, "postgresql": {Databases, "pgsql"}, "redis": {Databases, ""},
	"tls": {Encrypted, ""}, "dtls": {Encrypted, ""}, "quic": {Encrypted, ""},
	"unknown": {Unknown, ""},
}

// unknownName is the protocol of a flow that no decoder recognised.
const unknownName = "unknown"

func about(protocol string) known {
	k, ok := protocols[protocol]
	if !ok {
		k.category = Unknown
	}
	switch {
	case k.filter != "":
	case strings.HasPrefix(protocol, "ip-"):
		n := strings.TrimPrefix(protocol, "ip-")
		k.filter = "ip.proto == " + n + " || ipv6.nxt == " + n
	case ok && protocol != unknownName:
		k.filter = protocol
	}
	return k
}
