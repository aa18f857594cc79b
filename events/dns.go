package events

// DNSMessage is one DNS message (RFC 1035 section 4), over UDP or TCP, also
// mDNS (RFC 6762) and LLMNR (RFC 4795). Names are in presentation form with a
// trailing dot ("example.com."); texts are as in RFC 1035 section 5.1.
// A section that was cut off or is malformed is nil from there on. Pooled; its
// texts are not, but share memory with those of other messages: clone what is
// kept.
type DNSMessage struct {
	ID         uint16        `json:"id"`
	Response   bool          `json:"response"`
	Opcode     string        `json:"opcode"` // QUERY, NOTIFY, UPDATE, …
	AA         bool          `json:"aa"`
	TC         bool          `json:"tc"`
	RD         bool          `json:"rd"`
	RA         bool          `json:"ra"`
	AD         bool          `json:"ad"`
	CD         bool          `json:"cd"`
	Rcode      string        `json:"rcode"` // NOERROR, NXDOMAIN, …; with EDNS the extended one
	Question   []DNSQuestion `json:"question,omitzero"`
	Answer     []DNSRecord   `json:"answer,omitzero"`
	Authority  []DNSRecord   `json:"authority,omitzero"`
	Additional []DNSRecord   `json:"additional,omitzero"` // without the OPT record
	EDNS       *DNSEDNS      `json:"edns,omitzero"`
	Size       int           `json:"size"` // bytes of the message, without a TCP length prefix
	FirstFrame uint64        `json:"first_frame,omitzero"`
}

// DNSQuestion is one entry of the question section.
type DNSQuestion struct {
	Name  string `json:"name"`
	Type  string `json:"type"`  // A, AAAA, TYPE65280
	Class string `json:"class"` // IN, CH, ANY, CLASS32769
}

// DNSRecord is one resource record. Data is in zone-file form.
type DNSRecord struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Class string `json:"class"`
	TTL   uint32 `json:"ttl"` // seconds
	Data  string `json:"data"`
}

// DNSEDNS is the OPT pseudo-record (RFC 6891 section 6.1).
type DNSEDNS struct {
	UDPSize uint16          `json:"udp_size"`
	DO      bool            `json:"do"`
	Version uint8           `json:"version"`
	Options []DNSEDNSOption `json:"options"`
}

// DNSEDNSOption is one EDNS option: its code, its name where it has one
// (NSID, COOKIE, SUBNET, …), and its data as miekg/dns prints it.
type DNSEDNSOption struct {
	Code uint16 `json:"code"`
	Name string `json:"name,omitzero"`
	Data string `json:"data"`
}

// Kind is the stable name.
func (*DNSMessage) Kind() Kind { return KindDNSMessage }
