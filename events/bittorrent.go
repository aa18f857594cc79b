package events

// BitTorrentHandshake opens the peer wire (BEP 3), one of each side.
type BitTorrentHandshake struct {
	InfoHash string `json:"info_hash"` // hex
	PeerID   string `json:"peer_id"`   // hex
	Client   string `json:"client,omitzero"`
	Reserved string `json:"reserved"` // hex
	// Encryption is "mse" where the connection begins as Message Stream
	// Encryption does; nothing else is known of it then.
	Encryption string `json:"encryption,omitzero"`
	FirstFrame uint64 `json:"first_frame"`
}

// BitTorrentMessage is one message of the peer wire, at its last byte. The
// bytes of a piece are not kept.
type BitTorrentMessage struct {
	Type     string  `json:"type"`
	Piece    *uint32 `json:"piece,omitempty"`
	Begin    *uint32 `json:"begin,omitempty"`
	Length   *uint32 `json:"length,omitempty"` // of the block asked for or carried
	Pieces   string  `json:"pieces,omitzero"`  // bitfield, hex
	Port     uint16  `json:"port,omitzero"`    // of the DHT (BEP 5); of the extension handshake: p, where the sender listens
	InfoHash string  `json:"info_hash,omitzero"`
	Bytes    uint32  `json:"bytes"` // of the message, as its length prefix says: without the prefix itself

	Extension  string           `json:"extension,omitzero"`   // BEP 10: handshake, ut_metadata, ut_pex, … or its number
	Extensions map[string]uint8 `json:"extensions,omitempty"` // of the extension handshake: m
	// ExtensionID is the number that stands for Extension: what the receiver
	// asked for in its extension handshake.
	ExtensionID  *uint8            `json:"extension_id,omitempty"`
	MetadataSize int64             `json:"metadata_size,omitzero"` // of the extension handshake: bytes of the info dictionary
	Queue        int64             `json:"queue,omitzero"`         // of the extension handshake: reqq, requests that may wait
	Client       string            `json:"client,omitzero"`        // of the extension handshake: v
	Metadata     *BitTorrentMeta   `json:"metadata,omitempty"`     // ut_metadata (BEP 9)
	Peers        []string          `json:"peers,omitempty"`        // ut_pex (BEP 11): added
	Dropped      []string          `json:"dropped,omitempty"`
	Hashes       *BitTorrentHashes `json:"hashes,omitempty"` // BEP 52

	Complete   bool   `json:"complete"`
	FirstFrame uint64 `json:"first_frame"`
	FirstTime  Time   `json:"-"`
}

// BitTorrentEnd says that one side of a connection will say nothing more: when
// a peer leaves, long before flow.end. Made only where a question wants it.
type BitTorrentEnd struct {
	InfoHash string `json:"info_hash,omitzero"` // hex
	Why      Ending `json:"why"`
}

// BitTorrentMeta is a message of ut_metadata (BEP 9).
type BitTorrentMeta struct {
	Type  string `json:"type"` // request, data, reject
	Piece uint32 `json:"piece"`
	Size  uint32 `json:"size,omitzero"` // total_size
}

// BitTorrentHashes is a hash request, hashes or hash reject (BEP 52).
type BitTorrentHashes struct {
	Root   string `json:"root"` // pieces root, hex
	Base   uint32 `json:"base_layer"`
	Index  uint32 `json:"index"`
	Length uint32 `json:"length"`
	Proof  uint32 `json:"proof_layers"`
}

// TrackerRequest asks a tracker (BEP 3, BEP 15, scrape: BEP 48).
type TrackerRequest struct {
	Tracker    string   `json:"transport"` // http, udp
	Action     string   `json:"action"`    // announce, scrape, connect
	InfoHash   string   `json:"info_hash,omitzero"`
	InfoHashes []string `json:"info_hashes,omitempty"` // of a scrape of several
	PeerID     string   `json:"peer_id,omitzero"`
	Client     string   `json:"client,omitzero"`
	Port       uint16   `json:"port,omitzero"`
	Uploaded   *int64   `json:"uploaded,omitempty"`
	Downloaded *int64   `json:"downloaded,omitempty"`
	Left       *int64   `json:"left,omitempty"`
	Event      string   `json:"event,omitzero"` // started, stopped, completed
	IP         string   `json:"ip,omitzero"`    // address that the client says it has
	NumWant    *int64   `json:"numwant,omitempty"`
	FirstFrame uint64   `json:"first_frame"`

	// Of UDP (BEP 15), hex; the path and query of its URL (BEP 41).
	Transaction  string `json:"transaction,omitzero"`
	ConnectionID string `json:"connection_id,omitzero"`
	URL          string `json:"url,omitzero"`
}

// TrackerResponse answers a TrackerRequest.
type TrackerResponse struct {
	Tracker     string   `json:"transport"`
	Action      string   `json:"action"`
	Interval    int64    `json:"interval,omitzero"` // seconds
	Seeders     *int64   `json:"seeders,omitempty"`
	Leechers    *int64   `json:"leechers,omitempty"`
	Completed   *int64   `json:"completed,omitempty"`   // of a scrape
	Peers       []string `json:"peers,omitempty"`       // address and port
	MinInterval int64    `json:"min_interval,omitzero"` // seconds
	ExternalIP  string   `json:"external_ip,omitzero"`  // address from which the tracker was asked (BEP 24)
	// Files are the torrents of a scrape that answers for several; for one
	// alone, its counts stand above.
	Files        []TrackerFile `json:"files,omitempty"`
	Failure      string        `json:"failure,omitzero"`
	Warning      string        `json:"warning,omitzero"`
	RequestFrame uint64        `json:"request_frame,omitzero"`
	FirstFrame   uint64        `json:"first_frame"`

	// Of UDP (BEP 15), hex.
	Transaction  string `json:"transaction,omitzero"`
	ConnectionID string `json:"connection_id,omitzero"`
}

// TrackerFile are the counts of one torrent in the answer to a scrape.
type TrackerFile struct {
	InfoHash  string `json:"info_hash,omitzero"` // hex; over UDP they are in the order of the request
	Seeders   int64  `json:"seeders"`
	Leechers  int64  `json:"leechers"`
	Completed int64  `json:"completed"` // downloads, ever
}

// BitTorrentLSD is a local peer discovery announcement (BEP 14).
type BitTorrentLSD struct {
	InfoHashes []string `json:"info_hashes"` // hex
	Port       uint16   `json:"port"`
	Cookie     string   `json:"cookie,omitzero"`
	Host       string   `json:"host,omitzero"` // the multicast group and port it was sent to
}

// DHTMessage is one message of the DHT (BEP 5, BEP 32).
type DHTMessage struct {
	Type        string   `json:"type"` // query, response, error
	Query       string   `json:"query,omitzero"`
	Transaction string   `json:"transaction"` // hex
	ID          string   `json:"id,omitzero"` // of the sender, hex
	Target      string   `json:"target,omitzero"`
	InfoHash    string   `json:"info_hash,omitzero"`
	Nodes       []string `json:"nodes,omitempty"`  // id@address:port, both families
	Values      []string `json:"values,omitempty"` // address:port of peers
	Token       string   `json:"token,omitzero"`   // hex
	Port        uint16   `json:"port,omitzero"`    // of announce_peer
	ImpliedPort bool     `json:"implied_port,omitzero"`
	Client      string   `json:"client,omitzero"` // v
	Code        int      `json:"code,omitzero"`   // of an error
	Message     string   `json:"message,omitzero"`
	// RequestFrame is the frame of the query that this answers.
	RequestFrame uint64 `json:"request_frame,omitzero"`

	Version         string   `json:"version,omitzero"`          // v, hex
	ExternalAddress string   `json:"external_address,omitzero"` // BEP 42: of the receiver, as the sender sees it
	ExternalPort    uint16   `json:"external_port,omitzero"`    // of the receiver, as the sender sees it (libtorrent, µTorrent)
	Want            []string `json:"want,omitempty"`            // BEP 32: n4, n6
	ReadOnly        bool     `json:"read_only,omitzero"`        // BEP 43
	Flags           []string `json:"flags,omitempty"`           // BEP 33: scrape, noseed, seed
	SeedFilter      string   `json:"seed_filter,omitzero"`      // BEP 33: BFsd, hex
	PeerFilter      string   `json:"peer_filter,omitzero"`      // BEP 33: BFpe, hex
	Samples         []string `json:"samples,omitempty"`         // BEP 51: info hashes, hex
	Num             *int64   `json:"num,omitempty"`             // BEP 51: info hashes stored
	Interval        *int64   `json:"interval,omitempty"`        // BEP 51: seconds to the next samples
	Key             string   `json:"key,omitzero"`              // BEP 44: public key, hex
	Salt            string   `json:"salt,omitzero"`             // BEP 44: hex
	Signature       string   `json:"signature,omitzero"`        // BEP 44: hex
	Seq             *int64   `json:"seq,omitempty"`             // BEP 44
	CAS             *int64   `json:"cas,omitempty"`             // BEP 44
	ValueBytes      int      `json:"value_bytes,omitzero"`      // BEP 44: length of v as it stands, bencoded
}

// UTPSegment is one packet of uTP (BEP 29).
type UTPSegment struct {
	Type          string `json:"type"` // data, fin, state, reset, syn
	ConnectionID  uint16 `json:"connection_id"`
	Seq           uint16 `json:"seq"`
	Ack           uint16 `json:"ack"`
	Window        uint32 `json:"window"` // bytes
	TimestampUS   uint32 `json:"timestamp_us"`
	TimestampDiff uint32 `json:"timestamp_diff_us"`
	Bytes         int    `json:"bytes,omitzero"`
	SACK          string `json:"sack,omitzero"` // bit mask, hex
	Why           string `json:"why,omitzero"`  // retransmission, out_of_order
	Extensions    []int  `json:"extensions,omitempty"`
}

// Kind is the stable name.
func (*BitTorrentHandshake) Kind() Kind { return KindBitTorrentHandshake }

// Kind is the stable name.
func (*BitTorrentMessage) Kind() Kind { return KindBitTorrentMessage }

// Kind is the stable name.
func (*BitTorrentEnd) Kind() Kind { return KindBitTorrentEnd }

// Kind is the stable name.
func (*TrackerRequest) Kind() Kind { return KindTrackerRequest }

// Kind is the stable name.
func (*TrackerResponse) Kind() Kind { return KindTrackerResponse }

// Kind is the stable name.
func (*BitTorrentLSD) Kind() Kind { return KindBitTorrentLSD }

// Kind is the stable name.
func (*DHTMessage) Kind() Kind { return KindDHTMessage }

// Kind is the stable name.
func (*UTPSegment) Kind() Kind { return KindUTPSegment }
