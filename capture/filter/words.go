package filter

// keywords are the words of the language, with the one of those that mean the
// same.
var keywords = same(map[string]string{
	"ether": "link", "ppp": "link", "slip": "link", "fddi": "link", "tr": "link", "wlan": "link",
	"es-is": "esis", "is-is": "isis", "length": "len", "direction": "dir",
	"address1": "addr1", "address2": "addr2", "address3": "addr3", "address4": "addr4",
	"ifname": "on", "ruleset": "rset", "rulenum": "rnr", "subrulenum": "srnr",
},
	"and", "or", "dst", "src", "link", "arp", "rarp", "ip", "sctp", "tcp", "udp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp",
	"radio", "ip6", "icmp6", "ah", "esp", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "esis",
	"isis", "l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "clnp", "stp", "ipx", "netbeui", "host", "net", "mask",
	"port", "portrange", "proto", "protochain", "gateway", "type", "subtype", "dir", "addr1", "addr2", "addr3",
	"addr4", "ra", "ta", "less", "greater", "byte", "broadcast", "multicast", "len", "inbound", "outbound", "ifindex",
	"vlan", "mpls", "pppoed", "pppoes", "geneve", "lane", "llc", "metac", "bcc", "oam", "oamf4", "oamf4ec", "oamf4sc",
	"sc", "ilmic", "vpi", "vci", "connectmsg", "metaconnect", "on", "rset", "rnr", "srnr", "reason", "action",
	"fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls", "hsio", "hopc", "hdpc", "hsls",
)

// same adds words that stand for themselves; not is written ! in the grammar.
func same(m map[string]string, words ...string) map[string]string {
	for _, w := range words {
		m[w] = w
	}
	m["not"] = "!"
	return m
}

// layers are the words that name a protocol layer.
var layers = set("link", "ip", "arp", "rarp", "sctp", "tcp", "udp", "icmp", "igmp", "igrp", "pim", "vrrp", "carp", "atalk",
	"aarp", "decnet", "lat", "sca", "mopdl", "moprc", "ip6", "icmp6", "ah", "esp", "iso", "esis", "isis", "l1", "l2", "iih", "lsp",
	"snp", "psnp", "csnp", "clnp", "stp", "ipx", "netbeui", "radio")

// notHere are words of the language that this package does not compile, and
// why.
var notHere = map[string]string{
	"gateway":    "gateway needs host names; write: ether host MAC and not host ADDRESS",
	"protochain": "protochain needs a loop, which programs in the kernel cannot have; write: proto",
	"geneve":     "geneve is not supported; udp port 6081 selects these packets",
	"llc":        "llc is not supported; write: ether[12:2] <= 1500",
	"byte":       "byte is not supported; write: ether[OFFSET] = VALUE",
	"radio":      "no link type that is supported has a radio header",
	"l1":         isisTypes, "l2": isisTypes, "iih": isisTypes, "lsp": isisTypes, "snp": isisTypes, "csnp": isisTypes, "psnp": isisTypes,
	"type": no80211, "subtype": no80211, "dir": no80211, "addr1": no80211, "addr2": no80211, "addr3": no80211, "addr4": no80211,
	"ra": no80211, "ta": no80211,
	"lane": noATM, "metac": noATM, "bcc": noATM, "oam": noATM, "oamf4": noATM, "oamf4ec": noATM, "oamf4sc": noATM, "sc": noATM,
	"ilmic": noATM, "vpi": noATM, "vci": noATM, "connectmsg": noATM, "metaconnect": noATM,
	"on": noPF, "rset": noPF, "rnr": noPF, "srnr": noPF, "reason": noPF, "action": noPF,
	"fisu": noMTP, "lssu": noMTP, "lsu": noMTP, "msu": noMTP, "hfisu": noMTP, "hlssu": noMTP, "hmsu": noMTP, "sio": noMTP, "opc": noMTP,
	"dpc": noMTP, "sls": noMTP, "hsio": noMTP, "hopc": noMTP, "hdpc": noMTP, "hsls": noMTP,
}

const (
	isisTypes = "types of IS-IS packets are not supported; isis is"
	no80211   = "filters on IEEE 802.11 headers are not supported"
	noATM     = "filters on ATM cells are not supported"
	noPF      = "filters on the log of pf are not supported"
	noMTP     = "filters on SS7 are not supported"
)

func set(words ...string) map[string]bool {
	m := map[string]bool{}
	for _, w := range words {
		m[w] = true
	}
	return m
}

// numberNames are numbers that have names: offsets of fields, types of ICMP
// (RFC 792, RFC 1256) and ICMPv6 (the registry of IANA), flags of TCP
// (RFC 9293 section 3.1).
var numberNames = map[string]uint32{
	"icmptype": 0, "icmpcode": 1, "icmp6type": 0, "icmp6code": 1, "tcpflags": 13,

	"tcp-fin": 0x01, "tcp-syn": 0x02, "tcp-rst": 0x04, "tcp-push": 0x08, "tcp-ack": 0x10, "tcp-urg": 0x20, "tcp-ece": 0x40, "tcp-cwr": 0x80,

	"icmp-echoreply": 0, "icmp-unreach": 3, "icmp-sourcequench": 4, "icmp-redirect": 5, "icmp-echo": 8,
	"icmp-routeradvert": 9, "icmp-routersolicit": 10, "icmp-timxceed": 11, "icmp-paramprob": 12, "icmp-tstamp": 13,
	"icmp-tstampreply": 14, "icmp-ireq": 15, "icmp-ireqreply": 16, "icmp-maskreq": 17, "icmp-maskreply": 18,

	"icmp6-destinationunreach": 1, "icmp6-packettoobig": 2, "icmp6-timeexceeded": 3, "icmp6-parameterproblem": 4,
	"icmp6-echo": 128, "icmp6-echoreply": 129, "icmp6-multicastlistenerquery": 130, "icmp6-multicastlistenerreportv1": 131,
	"icmp6-multicastlistenerdone": 132, "icmp6-routersolicit": 133, "icmp6-routeradvert": 134, "icmp6-neighborsolicit": 135,
	"icmp6-neighboradvert": 136, "icmp6-redirect": 137, "icmp6-routerrenum": 138, "icmp6-nodeinformationquery": 139,
	"icmp6-nodeinformationresponse": 140, "icmp6-ineighbordiscoverysolicit": 141, "icmp6-ineighbordiscoveryadvert": 142,
	"icmp6-multicastlistenerreportv2": 143, "icmp6-homeagentdiscoveryrequest": 144, "icmp6-homeagentdiscoveryreply": 145,
	"icmp6-mobileprefixsolicit": 146, "icmp6-mobileprefixadvert": 147, "icmp6-certpathsolicit": 148, "icmp6-certpathadvert": 149,
	"icmp6-multicastrouteradvert": 151, "icmp6-multicastroutersolicit": 152, "icmp6-multicastrouterterm": 153,
}
