package decoders

// HintTLS goes with the name "tls" (Sink.Switch, Sink.Open): what the naming
// protocol knows of the handshake. Without it TLS is records over a stream.
type HintTLS struct {
	// QUIC: what is fed are the handshake messages of CRYPTO frames, in order
	// and without a record layer (RFC 9001 section 4.1.3). Each side is one
	// stream over all encryption levels; a level that cannot be read is the
	// end of that side (or a gap, where a later one can be read again).
	QUIC bool
}
