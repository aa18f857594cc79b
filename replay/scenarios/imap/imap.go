// Package imap is a mail program at work in its mailboxes over IMAP4rev1 (RFC
// 3501): folders, flags, search, partial fetch, IDLE. Client and server are
// emersion/go-imap v2.
package imap

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/netip"
	"strconv"
	"time"

	imap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"

	"github.com/wiretale/wiretale/replay/letters"
	"github.com/wiretale/wiretale/replay/scenarios"
	"github.com/wiretale/wiretale/replay/simnet"
	"github.com/wiretale/wiretale/replay/stage"
)

// Scenario is this package's line in scenarios/all.
var Scenario = scenarios.Scenario{
	Name: "imap",
	Doc:  "a mail program in its mailboxes: folders, flags, search, partial fetch, IDLE",
	RTT:  40 * time.Millisecond,
	Run: func(ctx context.Context, p scenarios.Params) (*scenarios.Result, error) {
		v := &visit{}
		return stage.Play(ctx, p, stage.Limit(p, 128),
			func(st *stage.Stage) error { v.Stage = st; return v.build() },
			v.play, v.result)
	},
}

const (
	user     = "bob"
	password = "hungry"
	port     = 143
	inbox    = "INBOX"
	archive  = "Archive"
	sent     = "Sent"
)

// Addresses for documentation (RFC 5737) and a private client.
var (
	agentAddr  = netip.MustParseAddr("10.0.0.20")
	serverAddr = netip.MustParseAddr("198.51.100.143")
)

// date is what letters bear and when they arrived: they are the same on every
// run.
var date = simnet.Epoch

// visit is the scenario while it runs.
type visit struct {
	*stage.Stage
	agent, host *stage.Actor
	author      *letters.Author
	user        *imapmemserver.User
	fetched     []carried // what the client got, in order
	appended    []carried // what it put into mailboxes, in order
}

// carried is a letter, or a piece of one, in a literal.
type carried struct {
	letter *letters.Letter // nil: only a piece of one
	id     string          // Message-ID, where the piece has it
	raw    []byte
}

func (v *visit) build() (err error) {
	if v.agent, err = v.Add("agent", "bob's mail program", agentAddr); err != nil {
		return err
	}
	if v.host, err = v.Add("hamburger", "mail server of hamburger.edu", serverAddr); err != nil {
		return err
	}
	v.author = letters.NewAuthor(v.Params.Seed, "crepes.fr")
	v.user = imapmemserver.NewUser(user, password)
	for _, name := range []string{inbox, sent} {
		if err := v.user.Create(name, nil); err != nil {
			return err
		}
	}
	return v.Join(v.agent, v.host, v.Params.Path(v.Params.RTT))
}

// arrive puts a letter into the inbox, as if it had come by SMTP.
func (v *visit) arrive(l *letters.Letter) error {
	_, err := v.user.Append(inbox, bytes.NewReader(l.Raw), &imap.AppendOptions{Time: date})
	return err
}

// serve runs the server until stop.
func (v *visit) serve() (stop func(), err error) {
	l, err := v.host.Listen(net.JoinHostPort("", strconv.Itoa(port)))
	if err != nil {
		return nil, err
	}
	mem := imapmemserver.New()
	mem.AddUser(v.user)
	srv := imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return mem.NewSession(), nil, nil
		},
		Caps:         imap.CapSet{imap.CapIMAP4rev1: {}, imap.CapMove: {}, imap.CapUIDPlus: {}},
		InsecureAuth: true,
		Logger:       log.New(io.Discard, "", 0), // errors show at the client
	})
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	return func() {
		_ = srv.Close() // closing twice does no harm
		<-done
	}, nil
}
