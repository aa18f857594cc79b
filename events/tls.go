package events

// TLSClientHello opens a TLS handshake (RFC 8446 section 4.1.2).
type TLSClientHello struct {
	Version           string   `json:"version"` // the highest offered: "1.3"; "ssl 3.0"
	SNI               string   `json:"sni,omitzero"`
	ALPN              []string `json:"alpn,omitempty"`
	CipherSuites      []string `json:"cipher_suites"` // IANA names, GREASE too
	Extensions        []string `json:"extensions"`    // IANA names, wire order
	SupportedVersions []string `json:"supported_versions,omitempty"`
	Groups            []string `json:"groups,omitempty"`
	SessionID         string   `json:"session_id,omitzero"` // hex
	Random            string   `json:"random"`              // hex
	Resumes           bool     `json:"resumes,omitzero"`    // offers a ticket or a pre-shared key
	EarlyData         bool     `json:"early_data,omitzero"`
	ECH               bool     `json:"ech,omitzero"` // encrypted client hello: SNI is the outer one
	JA3               string   `json:"ja3"`          // MD5, hex
	JA3Full           string   `json:"ja3_full,omitzero"`
	JA4               string   `json:"ja4"`
	FirstFrame        uint64   `json:"first_frame"`
}

// TLSServerHello answers a TLSClientHello (RFC 8446 section 4.1.3).
type TLSServerHello struct {
	Version      string   `json:"version"` // the one chosen
	CipherSuite  string   `json:"cipher_suite"`
	ALPN         string   `json:"alpn,omitzero"`
	Extensions   []string `json:"extensions,omitempty"`
	Group        string   `json:"group,omitzero"`
	SessionID    string   `json:"session_id,omitzero"`
	Random       string   `json:"random"`
	Resumed      bool     `json:"resumed,omitzero"`
	Retry        bool     `json:"retry,omitzero"` // HelloRetryRequest
	JA3S         string   `json:"ja3s"`
	JA3SFull     string   `json:"ja3s_full,omitzero"`
	JA4S         string   `json:"ja4s,omitzero"`
	RequestFrame uint64   `json:"request_frame,omitzero"` // of the client hello
	FirstFrame   uint64   `json:"first_frame"`
}

// TLSCertificate is one certificate of a chain (TLS up to 1.2), the leaf
// first.
type TLSCertificate struct {
	Index      int      `json:"index"` // in the chain
	Subject    string   `json:"subject"`
	Issuer     string   `json:"issuer"`
	Names      []string `json:"names,omitempty"` // subject alternative names
	NotBefore  string   `json:"not_before"`      // RFC 3339
	NotAfter   string   `json:"not_after"`
	Serial     string   `json:"serial"` // hex
	KeyType    string   `json:"key,omitzero"`
	SHA256     string   `json:"sha256"` // of the DER, hex
	Bytes      int      `json:"bytes"`
	FirstFrame uint64   `json:"first_frame"`
}

// TLSAlert is an alert in clear.
type TLSAlert struct {
	Level       string `json:"level"` // warning, fatal
	Description string `json:"description"`
	Encrypted   bool   `json:"encrypted,omitzero"` // only that there was one is known
}

// TLSHandshake sums up a handshake when it is done, or where it ended.
type TLSHandshake struct {
	Done       bool     `json:"done"`
	RoundTrips int      `json:"round_trips"` // before the client could send its data
	EarlyData  bool     `json:"early_data,omitzero"`
	Resumed    bool     `json:"resumed,omitzero"`
	Version    string   `json:"version,omitzero"`
	Duration   Duration `json:"duration"` // client hello to the end of the handshake
	FirstFrame uint64   `json:"first_frame"`
}

// Kind is the stable name.
func (*TLSClientHello) Kind() Kind { return KindTLSClientHello }

// Kind is the stable name.
func (*TLSServerHello) Kind() Kind { return KindTLSServerHello }

// Kind is the stable name.
func (*TLSCertificate) Kind() Kind { return KindTLSCertificate }

// Kind is the stable name.
func (*TLSAlert) Kind() Kind { return KindTLSAlert }

// Kind is the stable name.
func (*TLSHandshake) Kind() Kind { return KindTLSHandshake }
