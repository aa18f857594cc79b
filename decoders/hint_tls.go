package decoders

// HintTLS goes with the name "tls" (Sink.Switch, Sink.Open): what the naming
// protocol knows of the handshake. Without it TLS is records over a stream.
type HintTLS struct {
	// QUIC: what is fed are the handshake messages of CRYPTO frames, in order
	// and without a record layer (RFC 9001 section 4.1.3). Each side is one
	// stream over all encryption levels; a level that cannot be read is a gap,
	// or the end of that side.
	QUIC bool
	// DTLS: as QUIC, from DTLS messages put together again, each given the
	// four-byte header of TLS (RFC 9147 section 5.2).
	DTLS bool
}
