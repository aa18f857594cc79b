package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	imap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/wiretale/wiretale/replay/letters"
	"github.com/wiretale/wiretale/replay/stage"
)

// play is the visit.
func (v *visit) play(ctx context.Context) error {
	box, err := v.fill()
	if err != nil {
		return err
	}
	stop, err := v.serve()
	if err != nil {
		return err
	}
	defer stop()
	conn, err := v.agent.Dial(ctx, "tcp", netip.AddrPortFrom(serverAddr, port).String())
	if err != nil {
		return err
	}
	arrived := make(chan struct{}, 1)
	c := imapclient.New(conn, &imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(d *imapclient.UnilateralDataMailbox) {
			if d.NumMessages != nil {
				select {
				case arrived <- struct{}{}:
				default:
				}
			}
		},
	}})
	s := &session{v: v, c: c, box: box}
	for _, step := range []func() error{
		c.WaitGreeting, s.logIn, s.folders, s.look, s.read, s.tidy, s.send,
		func() error { return s.idle(ctx, arrived) },
		func() error { return c.Logout().Wait() },
	} {
		if err := step(); err != nil {
			return errors.Join(err, c.Close())
		}
	}
	return c.Close()
}

// fill puts three letters into the inbox.
func (v *visit) fill() ([]*letters.Letter, error) {
	first, err := v.author.Plain("alice@crepes.fr", "bob@hamburger.edu", "A question", "Do you like ketchup?\nHow about pickles?\n", date)
	if err != nil {
		return nil, err
	}
	second, err := v.author.WithAttachments("alice@crepes.fr", "bob@hamburger.edu", "Grüße aus der Crêperie", first, date)
	if err != nil {
		return nil, err
	}
	third, err := v.author.Plain("shop@example.com", "bob@hamburger.edu", "Buy now", v.author.Words(80), date)
	if err != nil {
		return nil, err
	}
	box := []*letters.Letter{first, second, third}
	for _, l := range box {
		if err := v.arrive(l); err != nil {
			return nil, err
		}
	}
	return box, nil
}

// session is the client's side of the visit.
type session struct {
	v   *visit
	c   *imapclient.Client
	box []*letters.Letter // the inbox, by sequence number - 1
}

func (s *session) logIn() error { return s.c.Login(user, password).Wait() }

// folders: which there are, one more, and how full the inbox is.
func (s *session) folders() error {
	if _, err := s.c.List("", "*", nil).Collect(); err != nil {
		return err
	}
	if err := s.c.Create(archive, nil).Wait(); err != nil {
		return err
	}
	if err := s.c.Subscribe(archive).Wait(); err != nil {
		return err
	}
	_, err := s.c.Status(inbox, &imap.StatusOptions{NumUnseen: true}).Wait()
	return err
}

// look is what a list of messages is made from: not one text is read.
func (s *session) look() error {
	d, err := s.c.Select(inbox, nil).Wait()
	if err != nil {
		return err
	}
	if int(d.NumMessages) != len(s.box) {
		return fmt.Errorf("%d letters in the inbox", d.NumMessages)
	}
	// One thing at a time: of several, this library chooses the order by chance,
	// and a run is to be like the next one.
	for _, what := range []imap.FetchOptions{{UID: true, Envelope: true}, {UID: true, Flags: true}, {UID: true, RFC822Size: true}} {
		if _, err := s.c.Fetch(imap.SeqSetNum(1, 2, 3), &what).Collect(); err != nil {
			return err
		}
	}
	found, err := s.c.UIDSearch(&imap.SearchCriteria{
		NotFlag: []imap.Flag{imap.FlagSeen},
		Header:  []imap.SearchCriteriaHeaderField{{Key: "From", Value: "alice"}},
	}, nil).Wait()
	if err != nil {
		return err
	}
	if got := found.AllUIDs(); len(got) != 2 {
		return fmt.Errorf("found %v, want two letters", got)
	}
	_, err = s.c.Search(&imap.SearchCriteria{Body: []string{"pickles"}}, nil).Wait()
	return err
}

// read reads one letter whole, and of another its head, its structure, a
// picture, and its beginning in two pieces.
func (s *session) read() error {
	second := s.box[1]
	if _, err := s.c.Fetch(imap.SeqSetNum(2), &imap.FetchOptions{BodyStructure: &imap.FetchItemBodyStructure{Extended: true}}).Collect(); err != nil {
		return err
	}
	for _, get := range []struct {
		number  uint32
		section imap.FetchItemBodySection
		want    *carried
	}{
		{1, imap.FetchItemBodySection{}, &carried{letter: s.box[0], id: s.box[0].ID, raw: s.box[0].Raw}},
		{2, imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, Peek: true}, &carried{id: second.ID, raw: head(second)}},
		{2, imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"From", "Subject"}, Peek: true}, nil},
		{2, imap.FetchItemBodySection{Part: []int{2}, Peek: true}, nil},
		{2, imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Offset: 0, Size: 1500}}, &carried{id: second.ID, raw: second.Raw[:1500]}},
		{2, imap.FetchItemBodySection{Peek: true, Partial: &imap.SectionPartial{Offset: 1500, Size: 1500}}, &carried{raw: second.Raw[1500:3000]}},
	} {
		if err := s.fetch(get.number, &get.section, get.want); err != nil {
			return err
		}
	}
	return nil
}

// fetch gets one section. want is what the server must give; nil leaves it
// open.
func (s *session) fetch(number uint32, section *imap.FetchItemBodySection, want *carried) error {
	got, err := s.c.Fetch(imap.SeqSetNum(number), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		return err
	}
	if len(got) != 1 || len(got[0].BodySection) != 1 {
		return fmt.Errorf("message %d: %d answers", number, len(got))
	}
	raw := got[0].BodySection[0].Bytes
	if want == nil {
		want = &carried{raw: raw}
	} else if !bytes.Equal(raw, want.raw) {
		return fmt.Errorf("message %d: %d bytes that are not the server's %d", number, len(raw), len(want.raw))
	}
	s.v.fetched = append(s.v.fetched, *want)
	return nil
}

// tidy marks, moves and deletes.
func (s *session) tidy() error {
	if _, err := s.c.Store(imap.SeqSetNum(2), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagFlagged}}, nil).Collect(); err != nil {
		return err
	}
	if _, err := s.c.Copy(imap.SeqSetNum(1), archive).Wait(); err != nil {
		return err
	}
	if _, err := s.c.Move(imap.SeqSetNum(1), archive).Wait(); err != nil {
		return err
	}
	// The advertisement is the second one now.
	if err := s.c.Store(imap.SeqSetNum(2), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		return err
	}
	gone, err := s.c.Expunge().Collect()
	if err != nil {
		return err
	}
	if len(gone) != 1 || gone[0] != 2 {
		return fmt.Errorf("expunged %v", gone)
	}
	return nil
}

// send keeps a copy of what was sent: a small letter, whose literal need not
// wait, and a large one that asks first (RFC 7888).
func (s *session) send() error {
	for _, words := range []int{40, 1000} {
		l, err := s.v.author.Plain("bob@hamburger.edu", "alice@crepes.fr", "Re: A question", s.v.author.Words(words), date)
		if err != nil {
			return err
		}
		a := s.c.Append(sent, int64(len(l.Raw)), &imap.AppendOptions{Time: date, Flags: []imap.Flag{imap.FlagSeen}})
		if _, err := a.Write(l.Raw); err != nil {
			return err
		}
		if err := a.Close(); err != nil {
			return err
		}
		if _, err := a.Wait(); err != nil {
			return err
		}
		s.v.appended = append(s.v.appended, carried{letter: l, id: l.ID, raw: l.Raw})
	}
	return nil
}

// settled is how long after its continuation request the server surely idles.
const settled = 100 * time.Millisecond

// idle waits for a letter, and reads it.
func (s *session) idle(ctx context.Context, arrived <-chan struct{}) error {
	l, err := s.v.author.Plain("alice@crepes.fr", "bob@hamburger.edu", "Lunch?", "At noon?\n", date)
	if err != nil {
		return err
	}
	select { // what EXISTS told before is no news
	case <-arrived:
	default:
	}
	idle, err := s.c.Idle()
	if err != nil {
		return err
	}
	// The server says that she may idle a moment before it listens for letters.
	if err := stage.Wait(ctx, settled); err != nil {
		return err
	}
	if err := s.v.arrive(l); err != nil {
		return err
	}
	select {
	case <-arrived:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := idle.Close(); err != nil {
		return err
	}
	if err := idle.Wait(); err != nil {
		return err
	}
	return s.fetch(2, &imap.FetchItemBodySection{}, &carried{letter: l, id: l.ID, raw: l.Raw})
}

// head is a letter's header with the blank line behind it.
func head(l *letters.Letter) []byte {
	return l.Raw[:bytes.Index(l.Raw, []byte("\r\n\r\n"))+4]
}
