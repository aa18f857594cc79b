package dnssec

// Verdict is what became of a signature, or of a chain.
type Verdict string

// The verdicts, worst first.
const (
	Bad         Verdict = "bad"           // it does not fit, or a link of the chain does not
	Expired     Verdict = "expired"       // it was over when it was captured
	NotYetValid Verdict = "not yet valid" // it had not begun
	Undecided   Verdict = "undecided"     // something is missing
	Verified    Verdict = "verified"
)

// rank orders verdicts, worst first.
var rank = map[Verdict]int{Bad: 0, Expired: 1, NotYetValid: 2, Undecided: 3, Verified: 4}

// Set is one set of records with one signature over it.
// docs/analyses/dnssec.md defines each field.
type Set struct {
	Name      string  `json:"name" doc:"owner of the set"`
	Type      string  `json:"type"`
	Verdict   Verdict `json:"verdict" doc:"verified, bad, expired, not yet valid, undecided: of the set with its whole chain"`
	Reason    string  `json:"reason,omitzero" doc:"of bad, expired and not yet valid"`
	Signature Verdict `json:"signature" doc:"the verdict on this signature alone: against the keys of its signer in the capture, and its time"`
	Signer    string  `json:"signer" doc:"the zone that signed"`
	KeyTag    uint16  `json:"key_tag"`
	Algorithm string  `json:"algorithm" doc:"its name, or number"`
	From      string  `json:"inception" doc:"RFC 3339"`
	Until     string  `json:"expiration" doc:"RFC 3339"`
	Left      float64 `json:"left" doc:"seconds from the first capture of the set to the expiration; negative: it was over"`
	Records   int     `json:"records"`
	Wildcard  bool    `json:"wildcard,omitzero" doc:"the set was made from a wildcard (RFC 4035 section 5.3.4)"`
	Chain     []Link  `json:"chain,omitempty" doc:"from the signer up to the trust anchor, as far as it goes"`
	Anchor    string  `json:"anchor,omitzero" doc:"the trust anchor that the chain ends in"`

	Seen        int    `json:"seen" doc:"messages that held the set with this signature"`
	UsedExpired uint64 `json:"used_expired,omitzero" doc:"frame of the last message that still held it after its expiration, where the first did not"`
	Undecided   string `json:"undecided,omitzero" doc:"the link that is missing"`

	Frames []uint64 `json:"frames" doc:"first and last message with the set, and those of the chain"`
	Filter string   `json:"filter"`
}

// Link is one step of a chain: a set that vouches for the one before.
type Link struct {
	Zone    string  `json:"zone"`
	Type    string  `json:"type" doc:"DNSKEY or DS"`
	KeyTag  uint16  `json:"key_tag" doc:"the key that signed it"`
	Verdict Verdict `json:"verdict" doc:"on the signature of that set"`
	Frame   uint64  `json:"frame"`
}

// Limited says that signatures beyond a limit were not looked at.
type Limited struct {
	Limit  string   `json:"limit"`
	Value  int      `json:"value"`
	Count  int      `json:"count" doc:"signatures, in messages, that were not kept"`
	Frames []uint64 `json:"frames" doc:"the first of them"`
	Filter string   `json:"filter"`
}
