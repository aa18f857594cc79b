package events

// Header is one field line: name and value as on the wire (a folded value is
// joined with one space). Secrets are already replaced unless they were asked
// for.
type Header [2]string

// HTTPRequest is the head of a request, of any HTTP version. It is made when
// its last header byte is readable.
type HTTPRequest struct {
	HTTPStream uint64   `json:"http_stream"` // 0 in HTTP/1
	Method     string   `json:"method"`
	Target     string   `json:"target"`
	Scheme     string   `json:"scheme,omitzero"`
	Host       string   `json:"host,omitzero"`
	Version    string   `json:"version"` // 0.9, 1.0, 1.1, 2, 3
	Headers    []Header `json:"headers"` // wire order
	FirstFrame uint64   `json:"first_frame"`

	FirstTime Time  `json:"-"` // capture time of the first byte
	Offset    int64 `json:"-"` // stream offset of the first byte, in the sender's direction
	Bytes     int64 `json:"-"` // bytes of the head on the wire
	HasBody   bool  `json:"-"` // an http.body of this request follows
}

// HTTPResponse is the head of a response, of any HTTP version.
type HTTPResponse struct {
	HTTPStream   uint64   `json:"http_stream"`
	Status       int      `json:"status"`
	Reason       string   `json:"reason,omitzero"`
	Version      string   `json:"version"`
	Headers      []Header `json:"headers"`
	Interim      bool     `json:"interim,omitzero"`       // 1xx: another response to the same request follows
	RequestFrame uint64   `json:"request_frame,omitzero"` // frame of its request's http.request; 0: not captured
	FirstFrame   uint64   `json:"first_frame"`

	FirstTime Time  `json:"-"`
	Offset    int64 `json:"-"`
	Bytes     int64 `json:"-"`
	HasBody   bool  `json:"-"` // an http.body of this response follows
}

// HTTPBody is the end of a message body (made at its last byte, or where it
// broke off). A message without a body, or with Content-Length 0, has none.
type HTTPBody struct {
	HTTPStream      uint64 `json:"http_stream"`
	Of              string `json:"of"`         // request, response
	WireBytes       int64  `json:"wire_bytes"` // with chunk framing, as announced by the stream: bytes in gaps count
	Bytes           int64  `json:"bytes"`      // after transfer-decoding
	DecodedBytes    int64  `json:"decoded_bytes,omitzero"`
	SHA256          string `json:"sha256,omitzero"` // of the content-decoded bytes, hex
	ContentType     string `json:"content_type,omitzero"`
	ContentEncoding string `json:"content_encoding,omitzero"`
	Complete        bool   `json:"complete"`
	Missing         int64  `json:"missing,omitzero"` // bytes of it that were never captured
	FirstFrame      uint64 `json:"first_frame"`
	RequestFrame    uint64 `json:"request_frame,omitzero"` // frame of the http.request it belongs to (of its response, too)

	FirstTime Time     `json:"-"`
	Offset    int64    `json:"-"`
	Trailers  []Header `json:"trailers,omitzero"`
}

// Kind is the stable name.
func (*HTTPRequest) Kind() Kind { return KindHTTPRequest }

// Kind is the stable name.
func (*HTTPResponse) Kind() Kind { return KindHTTPResponse }

// Kind is the stable name.
func (*HTTPBody) Kind() Kind { return KindHTTPBody }

// Get is the value of the first header called name (ASCII case does not
// matter), or "".
func Get(hs []Header, name string) string {
	for i := range hs {
		if equalFold(hs[i][0], name) {
			return hs[i][1]
		}
	}
	return ""
}

func equalFold(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i < len(a); i++ {
		x, y := a[i], b[i]
		if x != y && (x|0x20 != y|0x20 || x|0x20 < 'a' || x|0x20 > 'z') {
			return false
		}
	}
	return true
}
