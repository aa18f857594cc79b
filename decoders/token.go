package decoders

// ProtocolOf is the name by which a protocol is listed here, for the token by
// which it is agreed on, in lower case: in an Upgrade field (RFC 9110 section
// 7.8) or by ALPN (RFC 7301). Tokens that are names already, and unknown
// ones, stay as they are.
func ProtocolOf(token string) string {
	switch token {
	case "h2", "h2c":
		return "http2"
	case "h3":
		return "http3"
	case "http/0.9", "http/1.0", "http/1.1":
		return "http1"
	}
	return token
}
