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
	// Resumes: offers a ticket, a pre-shared key or, where TLS 1.3 is not
	// offered, a session ID.
	Resumes    bool   `json:"resumes,omitzero"`
	EarlyData  bool   `json:"early_data,omitzero"`
	ECH        bool   `json:"ech,omitzero"` // encrypted client hello: SNI is the outer one
	JA3        string `json:"ja3,omitzero"` // MD5, hex; not of a hello in the form of SSL 2
	JA3Full    string `json:"ja3_full,omitzero"`
	JA4        string `json:"ja4,omitzero"`
	FirstFrame uint64 `json:"first_frame"`
}

// TLSServerHello answers a TLSClientHello (RFC 8446 section 4.1.3).
type TLSServerHello struct {
	Version      string   `json:"version"` // the one chosen
	CipherSuite  string   `json:"cipher_suite,omitzero"`
	ALPN         string   `json:"alpn,omitzero"`
	Extensions   []string `json:"extensions,omitempty"`
	Group        string   `json:"group,omitzero"`
	SessionID    string   `json:"session_id,omitzero"`
	Random       string   `json:"random"`
	Resumed      bool     `json:"resumed,omitzero"`
	Retry        bool     `json:"retry,omitzero"` // HelloRetryRequest
	JA3S         string   `json:"ja3s,omitzero"`
	JA3SFull     string   `json:"ja3s_full,omitzero"`
	RequestFrame uint64   `json:"request_frame,omitzero"` // of the client hello
	FirstFrame   uint64   `json:"first_frame"`
}

// TLSCertificate is one certificate of a chain (TLS up to 1.2), the leaf
// first. Of one that does not parse there is what could be read.
type TLSCertificate struct {
	Index      int      `json:"index"`            // in the chain
	Subject    string   `json:"subject,omitzero"` // RFC 2253
	Issuer     string   `json:"issuer,omitzero"`
	Names      []string `json:"names,omitempty"`     // subject alternative names
	NotBefore  string   `json:"not_before,omitzero"` // RFC 3339, UTC
	NotAfter   string   `json:"not_after,omitzero"`
	Serial     string   `json:"serial,omitzero"` // hex
	KeyType    string   `json:"key,omitzero"`    // "RSA 2048", "ECDSA P-256", "Ed25519"
	SHA256     string   `json:"sha256"`          // of the DER, hex
	Bytes      int      `json:"bytes"`
	FirstFrame uint64   `json:"first_frame"`
}

// TLSAlert is an alert (RFC 8446 section 6). Of an encrypted one nothing else
// is known; in TLS 1.3 these look like data and are not told.
type TLSAlert struct {
	Level       string `json:"level,omitzero"`       // warning, fatal
	Description string `json:"description,omitzero"` // as RFC 8446 section 6 names it
	Encrypted   bool   `json:"encrypted,omitzero"`   // only that there was one is known
}

// TLSHandshake sums up a handshake when it is done, or where it ended.
type TLSHandshake struct {
	Done bool `json:"done"`
	// RoundTrips are those before the client could send its data; 0 with early
	// data that goes with an accepted pre-shared key.
	RoundTrips int    `json:"round_trips"`
	EarlyData  bool   `json:"early_data,omitzero"` // data was sent before the server's hello
	Resumed    bool   `json:"resumed,omitzero"`
	Version    string `json:"version,omitzero"`
	Ticket     bool   `json:"ticket,omitzero"`      // the server gave a session ticket (TLS up to 1.2)
	ClientAuth bool   `json:"client_auth,omitzero"` // the server asked for a certificate (TLS up to 1.2)
	// Duration is from the first client hello to the end of the handshake, or
	// to the last bytes of one that did not end.
	Duration   Duration `json:"duration"`
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
