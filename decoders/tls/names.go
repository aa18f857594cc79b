package tls

import "sort"

// run is a run of consecutive numbers of a registry and their names.
type run struct {
	first uint16
	names []string
}

// lookup is the name of v in runs, which are in order.
func lookup(runs []run, v uint16) string {
	i := sort.Search(len(runs), func(i int) bool { return runs[i].first > v }) - 1
	if i >= 0 && int(v-runs[i].first) < len(runs[i].names) {
		if name := runs[i].names[v-runs[i].first]; name != "" {
			return name
		}
	}
	if isGREASE(v) {
		return "GREASE"
	}
	return hex16(v)
}

// CipherSuite is the name of a cipher suite in the IANA registry, "GREASE",
// or 0xNNNN where it has none.
func CipherSuite(v uint16) string { return lookup(suites, v) }

// Extension is the name of an extension in the IANA registry (and of a few
// that were never registered and are in wide use), "GREASE", or 0xNNNN.
func Extension(v uint16) string { return lookup(extensions, v) }

// Group is the name of a supported group in the IANA registry, "GREASE", or
// 0xNNNN.
func Group(v uint16) string { return lookup(groups, v) }

// Version is how a protocol version is called in events: "1.3", "ssl 3.0".
func Version(v uint16) string {
	switch {
	case v == 0x0002:
		return "ssl 2.0"
	case v == 0x0300:
		return "ssl 3.0"
	case v >= 0x0301 && v <= 0x0304:
		return "1." + string(rune('0'+v-0x0301))
	case v>>8 == 0x7f: // RFC 8446, drafts 18 to 28, section 4.2.1.1
		return "1.3 draft " + decimal(uint64(v&0xff))
	case isGREASE(v):
		return "GREASE"
	}
	return hex16(v)
}

// isGREASE knows the values that mean nothing (RFC 8701 section 2).
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// is13 says that v is TLS 1.3, or one of its drafts (0x7fNN, and 0xfbNN of
// Facebook's), whose records look the same.
func is13(v uint16) bool { return v == 0x0304 || v>>8 == 0x7f || v>>8 == 0xfb }

const digits = "0123456789ABCDEF"

func hex16(v uint16) string {
	return string([]byte{'0', 'x', digits[v>>12], digits[v>>8&15], digits[v>>4&15], digits[v&15]})
}

// Alert is a description of an alert as RFC 8446 section 6 (and the older
// RFCs) names it, 0xNN where it has none.
func Alert(v byte) string {
	for i := range alerts {
		if alerts[i].code == v {
			return alerts[i].name
		}
	}
	return string([]byte{'0', 'x', digits[v>>4], digits[v&15]})
}

func knownAlert(v byte) bool { return Alert(v)[0] != '0' }

var alerts = []struct {
	code byte
	name string
}{
	{0, "close_notify"}, {1, "end_of_early_data"}, {10, "unexpected_message"}, {20, "bad_record_mac"}, {21, "decryption_failed"},
	{22, "record_overflow"}, {30, "decompression_failure"}, {40, "handshake_failure"}, {41, "no_certificate"},
	{42, "bad_certificate"}, {43, "unsupported_certificate"}, {44, "certificate_revoked"}, {45, "certificate_expired"},
	{46, "certificate_unknown"}, {47, "illegal_parameter"}, {48, "unknown_ca"}, {49, "access_denied"}, {50, "decode_error"},
	{51, "decrypt_error"}, {52, "too_many_cids_requested"}, {60, "export_restriction"}, {70, "protocol_version"},
	{71, "insufficient_security"}, {80, "internal_error"}, {86, "inappropriate_fallback"}, {90, "user_canceled"},
	{100, "no_renegotiation"}, {109, "missing_extension"}, {110, "unsupported_extension"}, {111, "certificate_unobtainable"},
	{112, "unrecognized_name"}, {113, "bad_certificate_status_response"}, {114, "bad_certificate_hash_value"},
	{115, "unknown_psk_identity"}, {116, "certificate_required"}, {117, "general_error"}, {120, "no_application_protocol"},
	{121, "ech_required"},
}

// Extensions that the decoder reads.
const (
	extServerName        = 0
	extGroups            = 10
	extPointFormats      = 11
	extSignatures        = 13
	extALPN              = 16
	extSessionTicket     = 35
	extKeyShareDraft     = 40 // until draft 22 of TLS 1.3
	extPreSharedKey      = 41
	extEarlyData         = 42
	extSupportedVersions = 43
	extKeyShare          = 51
	extECH               = 0xfe0d
	extESNI              = 0xffce // before ECH
)

// extensions are those of the IANA registry "TLS ExtensionType Values", and
// what Chrome, NPN and ESNI use without being in it.
var extensions = []run{
	{0, []string{
		"server_name", "max_fragment_length", "client_certificate_url", "trusted_ca_keys", "truncated_hmac", "status_request",
		"user_mapping", "client_authz", "server_authz", "cert_type", "supported_groups", "ec_point_formats", "srp",
		"signature_algorithms", "use_srtp", "heartbeat", "application_layer_protocol_negotiation", "status_request_v2",
		"signed_certificate_timestamp", "client_certificate_type", "server_certificate_type", "padding", "encrypt_then_mac",
		"extended_master_secret", "token_binding", "cached_info", "tls_lts", "compress_certificate", "record_size_limit",
		"pwd_protect", "pwd_clear", "password_salt", "ticket_pinning", "tls_cert_with_extern_psk", "delegated_credential",
		"session_ticket", "TLMSP", "TLMSP_proxying", "TLMSP_delegate", "supported_ekt_ciphers", "", "pre_shared_key", "early_data",
		"supported_versions", "cookie", "psk_key_exchange_modes", "", "certificate_authorities", "oid_filters",
		"post_handshake_auth", "signature_algorithms_cert", "key_share", "transparency_info", "connection_id_deprecated",
		"connection_id", "external_id_hash", "external_session_id", "quic_transport_parameters", "ticket_request",
		"dnssec_chain", "sequence_number_encryption_algorithms", "rrc", "tls_flags",
	}},
	{13172, []string{"next_protocol_negotiation"}},
	{17513, []string{"application_settings_old"}},
	{17613, []string{"application_settings"}},
	{30031, []string{"channel_id_old", "channel_id"}},
	{0xfd00, []string{"ech_outer_extensions"}},
	{0xfe0d, []string{"encrypted_client_hello"}},
	{0xff01, []string{"renegotiation_info"}},
	{0xffa5, []string{"quic_transport_parameters_draft"}},
	{0xffce, []string{"encrypted_server_name"}},
}

// groups are those of the IANA registry "TLS Supported Groups".
var groups = []run{
	{1, []string{
		"sect163k1", "sect163r1", "sect163r2", "sect193r1", "sect193r2", "sect233k1", "sect233r1", "sect239k1", "sect283k1",
		"sect283r1", "sect409k1", "sect409r1", "sect571k1", "sect571r1", "secp160k1", "secp160r1", "secp160r2", "secp192k1",
		"secp192r1", "secp224k1", "secp224r1", "secp256k1", "secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1",
		"brainpoolP384r1", "brainpoolP512r1", "x25519", "x448", "brainpoolP256r1tls13", "brainpoolP384r1tls13",
		"brainpoolP512r1tls13", "GC256A", "GC256B", "GC256C", "GC256D", "GC512A", "GC512B", "GC512C", "curveSM2",
	}},
	{256, []string{"ffdhe2048", "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"}},
	{512, []string{"MLKEM512", "MLKEM768", "MLKEM1024"}},
	{4587, []string{"SecP256r1MLKEM768", "X25519MLKEM768", "SecP384r1MLKEM1024"}},
	{25497, []string{"X25519Kyber768Draft00", "SecP256r1Kyber768Draft00"}},
	{0xff01, []string{"arbitrary_explicit_prime_curves", "arbitrary_explicit_char2_curves"}},
}
