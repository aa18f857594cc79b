package session

import (
	"slices"
	"strings"
)

// Exposure is what someone on the way learns of a log-in.
type Exposure string

// The exposures, worst first.
const (
	Password Exposure = "password" // the password itself
	Token    Exposure = "token"    // what stands for it for some time
	Response Exposure = "response" // to a challenge: the password can be guessed at home
	Nothing  Exposure = "nothing"
	Unknown  Exposure = "unknown" // the mechanism is not known
)

// Outcome is how the server took a log-in.
type Outcome string

// The outcomes.
const (
	Accepted   Outcome = "accepted"
	Refused    Outcome = "refused"
	Unanswered Outcome = "undecided" // its answer was not captured
)

// Credential is a log-in that went over the wire unencrypted. The secret is
// never kept.
type Credential struct {
	Mechanism string   `json:"mechanism" doc:"the command, or the mechanism of SASL"`
	Exposes   Exposure `json:"exposes" doc:"password, token, response (to a challenge: it can be guessed from), nothing, unknown"`
	User      string   `json:"user,omitzero" doc:"where a command of its own named it"`
	Outcome   Outcome  `json:"outcome" doc:"accepted, refused, undecided"`
	Frame     uint64   `json:"frame"`
}

var exposures = map[string]Exposure{
	"PLAIN": Password, "LOGIN": Password, "XOAUTH2": Token, "OAUTHBEARER": Token,
	"CRAM-MD5": Response, "DIGEST-MD5": Response, "NTLM": Response, "APOP": Response,
	"SCRAM-SHA-1": Response, "SCRAM-SHA-256": Response, "SCRAM-SHA-1-PLUS": Response, "SCRAM-SHA-256-PLUS": Response,
	"GSSAPI": Nothing, "GSS-SPNEGO": Nothing, "KERBEROS_V4": Nothing, "EXTERNAL": Nothing, "ANONYMOUS": Nothing,
}

// SASL is the log-in of an AUTH or AUTHENTICATE command with these arguments.
// A word that is no known mechanism is not repeated: it may be a secret.
func SASL(args string, frame uint64) Credential {
	word, _, _ := strings.Cut(strings.TrimSpace(args), " ")
	c := Credential{Mechanism: strings.ToUpper(strings.Trim(word, `"`)), Outcome: Unanswered, Frame: frame}
	var ok bool
	if c.Exposes, ok = exposures[c.Mechanism]; !ok {
		c.Mechanism, c.Exposes = "unknown mechanism", Unknown
	}
	return c
}

// maxCredentials are kept of one session.
const maxCredentials = 64

// Credentials are those of one session.
type Credentials struct {
	List []Credential
	More int // beyond maxCredentials
}

// Add notes one.
func (c *Credentials) Add(x Credential) {
	if len(c.List) == maxCredentials {
		c.More++
		return
	}
	c.List = append(c.List, x)
}

// Settle says how the last one that is open was taken.
func (c *Credentials) Settle(o Outcome) {
	for i := len(c.List) - 1; i >= 0; i-- {
		if c.List[i].Outcome == Unanswered {
			c.List[i].Outcome = o
			return
		}
	}
}

// Exposed reports whether x gives something away.
func (x *Credential) Exposed() bool { return x.Exposes == Password || x.Exposes == Token }

// FirstExposed is the first that gives a password or token away; nil: none.
func FirstExposed(list []Credential) *Credential {
	if i := slices.IndexFunc(list, func(x Credential) bool { return x.Exposed() }); i >= 0 {
		return &list[i]
	}
	return nil
}
