// Package peerid reads the name of a BitTorrent client from its peer id
// (BEP 20). It is no protocol; those of BitTorrent share it. A peer id is
// what the client likes to say, so the name is a claim, not a fact.
package peerid

import (
	"strconv"
	"strings"
)

// Len is the length of a peer id (BEP 3).
const Len = 20

// Client is the name and version that id claims, "" where it follows no
// custom that is known here. Codes that are not in the table stay as they are:
// "-XX1230-…" is "XX 1.2.3".
func Client(id []byte) string {
	if len(id) < 8 {
		return ""
	}
	if id[0] == '-' && id[7] == '-' {
		return azureus(id[1:7])
	}
	for _, p := range fixed {
		if strings.HasPrefix(string(id), p.prefix) {
			return p.name
		}
	}
	if s := mainline(id); s != "" {
		return s
	}
	return shadow(id)
}

// azureus reads two letters and four characters of version.
func azureus(s []byte) string {
	for _, c := range s[:2] {
		if !isLetter(c) && !isDigit(c) && c != '~' {
			return ""
		}
	}
	for _, c := range s[2:] {
		if !isLetter(c) && !isDigit(c) && c != '-' && c != '.' {
			return ""
		}
	}
	code := string(s[:2])
	name := code
	for _, c := range clients {
		if c.prefix == code {
			name = c.name
		}
	}
	v := s[2:6]
	switch {
	case code == "TR" && v[0] < '4' && isDigit(v[0]) && isDigit(v[1]) && isDigit(v[2]):
		return name + " " + string(v[:1]) + "." + string(v[1:3]) // before 4.0: 2.94
	case code == "BC" && isDigit(v[1]) && isDigit(v[2]) && isDigit(v[3]):
		return name + " " + strings.TrimLeft(string(v[:2]), "0") + "." + string(v[2:])
	}
	return name + version(v)
}

// version writes one number for each character: 0-9, then A is 10. A last
// part of 0 is mostly a build that is not counted.
func version(v []byte) string {
	var parts []string
	for _, c := range v {
		switch {
		case isDigit(c):
			parts = append(parts, string(c))
		case 'A' <= c && c <= 'Z':
			parts = append(parts, strconv.Itoa(int(c-'A')+10))
		case 'a' <= c && c <= 'z':
			parts = append(parts, strconv.Itoa(int(c-'a')+36))
		}
	}
	if n := len(parts); n == 4 && parts[3] == "0" {
		parts = parts[:3]
	}
	if len(parts) == 0 {
		return ""
	}
	return " " + strings.Join(parts, ".")
}

// mainline is a letter, then numbers that dashes part and end: "M7-10-5--".
func mainline(id []byte) string {
	var name string
	switch id[0] {
	case 'M':
		name = "BitTorrent"
	case 'Q':
		name = "Queen Bee"
	default:
		return ""
	}
	s := string(id[1:])
	end := strings.Index(s, "--")
	if end < 3 || end > 8 {
		return ""
	}
	parts := strings.Split(s[:end], "-")
	for _, p := range parts {
		if p == "" || strings.Trim(p, "0123456789") != "" {
			return ""
		}
	}
	if len(parts) != 3 {
		return ""
	}
	return name + " " + strings.Join(parts, ".")
}

// shadow is a letter, up to five characters of version, dashes up to the
// ninth: "S58B-----".
func shadow(id []byte) string {
	if len(id) < 9 || string(id[6:9]) != "---" {
		return ""
	}
	for _, c := range shadows {
		if c.prefix[0] != id[0] {
			continue
		}
		v := strings.TrimRight(string(id[1:6]), "-")
		if v == "" {
			return ""
		}
		for i := range len(v) {
			if !isDigit(v[i]) && !isLetter(v[i]) {
				return ""
			}
		}
		return c.name + version([]byte(v))
	}
	return ""
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return c|0x20-'a' <= 'z'-'a' }

// client is a name and what stands for it.
type client struct{ prefix, name string }

// clients are the two letters of the custom that Azureus began (BEP 20).
var clients = []client{
	{"7T", "aTorrent"}, {"AB", "AnyEvent::BitTorrent"}, {"AG", "Ares"}, {"A~", "Ares"}, {"AR", "Arctic"},
	{"AT", "Artemis"}, {"AV", "Avicora"}, {"AX", "BitPump"}, {"AZ", "Vuze"}, {"BB", "BitBuddy"}, {"BC", "BitComet"},
	{"BE", "baretorrent"}, {"BF", "Bitflu"}, {"BG", "BTG"}, {"BI", "BiglyBT"}, {"BL", "BitBlinder"}, {"BP", "BitTorrent Pro"},
	{"BR", "BitRocket"}, {"BS", "BTSlave"}, {"BT", "BitTorrent"}, {"BW", "BitWombat"}, {"BX", "Bittorrent X"},
	{"CD", "Enhanced CTorrent"}, {"CT", "CTorrent"}, {"DE", "Deluge"}, {"DP", "Propagate Data Client"}, {"EB", "EBit"},
	{"ES", "electric sheep"}, {"FC", "FileCroc"}, {"FD", "Free Download Manager"}, {"FG", "FlashGet"}, {"FL", "Folx"},
	{"FT", "FoxTorrent"}, {"FW", "FrostWire"}, {"FX", "Freebox BitTorrent"}, {"GR", "GetRight"}, {"GS", "GSTorrent"},
	{"HL", "Halite"}, {"HN", "Hydranode"}, {"KG", "KGet"}, {"KT", "KTorrent"}, {"LC", "LeechCraft"}, {"LH", "LH-ABC"},
	{"LP", "Lphant"}, {"LT", "libtorrent"}, {"LW", "LimeWire"}, {"ML", "MLdonkey"}, {"MO", "MonoTorrent"},
	{"MP", "MooPolice"}, {"MR", "Miro"}, {"MT", "MoonlightTorrent"}, {"NX", "Net Transport"}, {"OS", "OneSwarm"},
	{"OT", "OmegaTorrent"}, {"PC", "CacheLogic"}, {"PD", "Pando"}, {"PI", "PicoTorrent"}, {"QD", "QQDownload"},
	{"QT", "Qt 4 torrent example"}, {"RT", "Retriever"}, {"RZ", "RezTorrent"}, {"SB", "Swiftbit"}, {"SD", "Xunlei"},
	{"SN", "ShareNet"}, {"SS", "SwarmScope"}, {"ST", "SymTorrent"}, {"SZ", "Shareaza"}, {"S~", "Shareaza"},
	{"TL", "Tribler"}, {"TN", "TorrentDotNET"}, {"TR", "Transmission"}, {"TS", "Torrentstorm"}, {"TT", "TuoTu"},
	{"UL", "uLeecher!"}, {"UM", "µTorrent for Mac"}, {"UT", "µTorrent"}, {"UE", "µTorrent Embedded"}, {"UW", "µTorrent Web"},
	{"VG", "Vagaa"}, {"WD", "WebTorrent Desktop"}, {"WT", "BitLet"}, {"WW", "WebTorrent"}, {"WY", "FireTorrent"},
	{"XL", "Xunlei"}, {"XT", "XanTorrent"}, {"XX", "Xtorrent"}, {"ZT", "ZipTorrent"}, {"lt", "libTorrent"},
	{"pb", "pbTorrent"}, {"qB", "qBittorrent"}, {"st", "SharkTorrent"},
}

// shadows are the letters of the custom that Shadow began (BEP 20).
var shadows = []client{
	{"A", "ABC"}, {"O", "Osprey Permaseed"}, {"Q", "BTQueue"}, {"R", "Tribler"}, {"S", "Shadow"}, {"T", "BitTornado"}, {"U", "UPnP NAT Bit Torrent"},
}

// fixed are fronts of peer ids that follow no custom.
var fixed = []client{
	{"exbc", "BitComet"}, {"FUTB", "BitComet"}, {"XBT", "XBT Client"}, {"OP", "Opera"}, {"-ML", "MLdonkey"}, {"-BOW", "Bits on Wheels"},
	{"eX", "eXeem"}, {"Plus", "Plus!"}, {"TIX", "Tixati"}, {"-FG", "FlashGet"}, {"-G3", "G3 Torrent"}, {"btpd", "BT Protocol Daemon"},
	{"a00---0", "Swarmy"}, {"aria2-", "aria2"}, {"A2-", "aria2"}, {"LIME", "LimeWire"}, {"Pando", "Pando"},
}
