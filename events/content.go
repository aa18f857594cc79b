package events

// ContentPart is a stretch of an object that --extract writes: the next bytes
// of object Object of this side of this decoder. It owns its bytes. Made only
// where somebody wants it (Env.Want).
type ContentPart struct {
	Object uint32
	Bytes  []byte
}

// ContentEnd is the end of an object, after its parts (none: it is empty).
type ContentEnd struct {
	Object   uint32
	Protocol string // http, mail, ftp, bittorrent
	Name     string // what the sender calls it, as on the wire: a path, a file name; may be empty
	Type     string // media type, may be empty
	Bytes    int64  // of all parts
	Complete bool
	// Drop: the object turned out not to be wanted; what was written goes.
	Drop       bool
	FirstFrame uint64
}

// HTTPDocument is the front of the body of a response that questions read: a
// page, a style sheet, the manifest of a film, without its codings. It comes
// right before the http.body of its response, and only where somebody wants it
// (Env.Want). It owns its bytes.
type HTTPDocument struct {
	HTTPStream   uint64
	RequestFrame uint64 // as that of its http.body
	ContentType  string
	Bytes        []byte // at most Limits.DocumentBytes
	Whole        bool   // they are all of it
}

// Kind is the stable name.
func (*ContentPart) Kind() Kind { return KindContentPart }

// Kind is the stable name.
func (*ContentEnd) Kind() Kind { return KindContentEnd }

// Kind is the stable name.
func (*HTTPDocument) Kind() Kind { return KindHTTPDocument }
