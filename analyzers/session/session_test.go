package session

import (
	"strings"
	"testing"
)

// Each step is what happened, and the round trips that are over then.
func TestTrips(t *testing.T) {
	var x Trips
	check := func(what string, done, pipelined int) {
		t.Helper()
		if x.Done != done || x.Pipelined != pipelined {
			t.Errorf("%s: %d round trips, %d pipelined; want %d, %d", what, x.Done, x.Pipelined, done, pipelined)
		}
	}
	x.Ask(1)
	x.Answer(2)
	check("an answer to something else", 0, 0)
	x.Answer(1)
	check("one after another", 1, 0)
	x.Ask(3)
	x.Ask(3)
	x.Ask(4)
	x.Answer(3)
	x.Answer(3)
	x.Answer(4)
	check("three together", 2, 2)
	// A window of two: the second pair was sent behind the first answers.
	x.Ask(5)
	x.Ask(6)
	x.Answer(5)
	x.Ask(7)
	x.Answer(6)
	x.Ask(8)
	x.Answer(7)
	x.Answer(8)
	check("a window of two", 4, 5)
	x.Ask(9)
	x.Continue(9)
	x.Answer(9)
	check("in two steps", 6, 5)
	x.Ask(10)
	x.Heard(10)
	x.Heard(10)
	x.Answer(10)
	check("a preliminary answer", 7, 5)
	x.Turn()
	check("a message", 8, 5)
	x.Ask(11)
	x.Forget()
	x.Answer(11)
	x.Ask(12)
	check("what was lost is not paired", 8, 5)
	for f := range uint64(3 * maxOpen) {
		x.Ask(100 + f)
	}
	if len(x.open) != maxOpen {
		t.Errorf("%d commands are held", len(x.open))
	}
}

func TestSASL(t *testing.T) {
	for args, want := range map[string]Credential{
		"PLAIN AGJvYg==":  {Mechanism: "PLAIN", Exposes: Password},
		`"cram-md5"`:      {Mechanism: "CRAM-MD5", Exposes: Response},
		"OAUTHBEARER bix": {Mechanism: "OAUTHBEARER", Exposes: Token},
		"GSSAPI":          {Mechanism: "GSSAPI", Exposes: Nothing},
		"aHVuZ3J5":        {Mechanism: "unknown mechanism", Exposes: Unknown},
		"":                {Mechanism: "unknown mechanism", Exposes: Unknown},
	} {
		got := SASL(args, 7)
		want.Outcome, want.Frame = Unanswered, 7
		if got != want {
			t.Errorf("%q: %+v, want %+v", args, got, want)
		}
	}
}

func TestCredentialsAreBounded(t *testing.T) {
	var c Credentials
	for range maxCredentials + 3 {
		c.Add(Credential{Mechanism: "LOGIN", Exposes: Password, Outcome: Unanswered})
	}
	c.Settle(Refused)
	if len(c.List) != maxCredentials || c.More != 3 || c.List[maxCredentials-1].Outcome != Refused || c.List[0].Outcome != Unanswered {
		t.Errorf("%d, %d more", len(c.List), c.More)
	}
}

// A session without messages has no cost of one.
func TestPerMessage(t *testing.T) {
	c := Cost{RoundTrips: 9, RTTs: 10, ClientBytes: 100, ServerBytes: 500}
	if c.PerMessage(0, 0, 0) != nil {
		t.Error("a cost of no message")
	}
	want := PerMessage{Messages: 2, MessageBytes: 400, BytesEach: 300, Overhead: 0.5, TripsEach: 4.5, FetchTrips: 2, FetchTripEach: 1, RTTsEach: 5}
	if got := *c.PerMessage(2, 400, 2); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if !strings.Contains(Decimal(4.5), "4.50") || Decimal(0) != "–" {
		t.Error(Decimal(4.5), Decimal(0))
	}
}
