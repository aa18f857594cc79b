package dns

import "strconv"

// Names of numbers (IANA "Domain Name System (DNS) Parameters"). Numbers
// without a name get one of the forms of RFC 3597 section 5, or the like.

// Record types that the code names.
const (
	typeA          = 1
	typeNS         = 2
	typeMD         = 3
	typeMF         = 4
	typeCNAME      = 5
	typeSOA        = 6
	typeMB         = 7
	typeMG         = 8
	typeMR         = 9
	typeNULL       = 10
	typePTR        = 12
	typeHINFO      = 13
	typeMX         = 15
	typeTXT        = 16
	typeSIG        = 24
	typeKEY        = 25
	typeAAAA       = 28
	typeNXT        = 30
	typeSRV        = 33
	typeDNAME      = 39
	typeOPT        = 41
	typeDS         = 43
	typeSSHFP      = 44
	typeRRSIG      = 46
	typeNSEC       = 47
	typeDNSKEY     = 48
	typeNSEC3      = 50
	typeNSEC3PARAM = 51
	typeTLSA       = 52
	typeHIP        = 55
	typeCDS        = 59
	typeCDNSKEY    = 60
	typeCSYNC      = 62
	typeSVCB       = 64
	typeHTTPS      = 65
	typeSPF        = 99
	typeCAA        = 257
	typeTA         = 32768
	typeDLV        = 32769
)

// Classes that the code names (RFC 1035 section 3.2.4, RFC 2136 section 2.4).
const (
	classIN   = 1
	classANY  = 255
	classFlag = 0x8000 // mDNS: cache-flush in records, unicast-response in questions
)

// Opcodes (RFC 6895 section 2.2, RFC 8490).
const (
	opQuery  = 0
	opIQuery = 1
	opStatus = 2
	opNotify = 4
	opUpdate = 5
	opDSO    = 6
)

var opcodeNames = [16]string{
	opQuery: "QUERY", opIQuery: "IQUERY", opStatus: "STATUS", 3: "OPCODE3",
	opNotify: "NOTIFY", opUpdate: "UPDATE", opDSO: "DSO", 7: "OPCODE7",
	8: "OPCODE8", 9: "OPCODE9", 10: "OPCODE10", 11: "OPCODE11",
	12: "OPCODE12", 13: "OPCODE13", 14: "OPCODE14", 15: "OPCODE15",
}

// assigned says whether an opcode means anything.
func assigned(opcode uint16) bool { return opcode <= opDSO && opcode != 3 }

var rcodeNames = [24]string{
	0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP",
	5: "REFUSED", 6: "YXDOMAIN", 7: "YXRRSET", 8: "NXRRSET", 9: "NOTAUTH",
	10: "NOTZONE", 11: "DSOTYPENI", 12: "RCODE12", 13: "RCODE13",
	14: "RCODE14", 15: "RCODE15",
	16: "BADVERS", // only EDNS can say 16 in a header (RFC 6891 section 9)
	17: "BADKEY", 18: "BADTIME", 19: "BADMODE", 20: "BADNAME", 21: "BADALG",
	22: "BADTRUNC", 23: "BADCOOKIE",
}

func rcodeName(rcode uint16) string {
	if int(rcode) < len(rcodeNames) {
		return rcodeNames[rcode]
	}
	return "RCODE" + strconv.Itoa(int(rcode))
}

// className is the name of a class, "" where it has none.
func className(class uint16) string {
	switch class {
	case classIN:
		return "IN"
	case 2:
		return "CS"
	case 3:
		return "CH"
	case 4:
		return "HS"
	case 254:
		return "NONE"
	case classANY:
		return "ANY"
	}
	return ""
}

// typeName is the name of a record type, "" where it has none.
func typeName(t uint16) string {
	if int(t) < len(lowTypes) {
		return lowTypes[t]
	}
	return highTypes(t)
}

// Names of EDNS options (IANA "DNS EDNS0 Option Codes (OPT)").
var optionNames = [...]string{
	1: "LLQ", 2: "UL", 3: "NSID", 4: "ESU", 5: "DAU", 6: "DHU", 7: "N3U",
	8: "SUBNET", 9: "EXPIRE", 10: "COOKIE", 11: "KEEPALIVE", 12: "PADDING",
	13: "CHAIN", 14: "KEY-TAG", 15: "EDE", 18: "REPORT-CHANNEL", 19: "ZONEVERSION",
}

func optionName(code uint16) string {
	if int(code) < len(optionNames) {
		return optionNames[code]
	}
	return ""
}
