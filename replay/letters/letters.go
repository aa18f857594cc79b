// Package letters makes up mail messages for scenarios, written by
// emersion/go-message, and says what is in them. It must not read any.
package letters

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/emersion/go-message"

	"github.com/wiretale/wiretale/replay/truth"
)

// Letter is a message as its author hands it over: lines end in CRLF.
type Letter struct {
	ID       string // Message-ID, with its brackets
	From, To string // addresses of the header
	Subject  string
	Raw      []byte
	Parts    []truth.Part // depth first
}

// Object is l in the truth. Its name is the Message-ID.
func (l *Letter) Object() *truth.Object {
	return &truth.Object{Name: l.ID, Bytes: int64(len(l.Raw)), SHA256: sum(l.Raw), Parts: l.Parts}
}

// Author makes letters; the same seed makes the same ones.
type Author struct {
	rnd    *rand.Rand
	seed   uint64
	domain string
	count  int
}

// NewAuthor is somebody at a mail domain.
func NewAuthor(seed uint64, domain string) *Author {
	return &Author{rnd: rand.New(rand.NewPCG(seed, 0x6c6574746572)), seed: seed, domain: domain} // "letter"
}

// Plain is a letter of one text, without MIME's parts. Lines end in LF.
func (a *Author) Plain(from, to, subject, text string, date time.Time) (*Letter, error) {
	l := a.letter(from, to, subject)
	h := l.header(date)
	h.SetContentType("text/plain", map[string]string{"charset": "us-ascii"})
	return l, l.write(h, leaf(h, crlf(text)))
}

// Words are n made-up words, broken into lines of at most 70 characters.
func (a *Author) Words(n int) string {
	var b strings.Builder
	column := 0
	for range n {
		w := vocabulary[a.rnd.IntN(len(vocabulary))]
		switch {
		case column == 0:
		case column+1+len(w) > 70:
			b.WriteByte('\n')
			column = 0
		default:
			b.WriteByte(' ')
			column++
		}
		b.WriteString(w)
		column += len(w)
	}
	b.WriteString("\n")
	return b.String()
}

var vocabulary = strings.Fields(`pickle ketchup mustard bread onion plate lunch letter stamp post router packet
 queue window segment link noon river train garden bridge summer winter paper ink morning harbour light cloud the a of and to with`)

func (a *Author) letter(from, to, subject string) *Letter {
	a.count++
	return &Letter{ID: fmt.Sprintf("<%d.%d@%s>", a.seed, a.count, a.domain), From: from, To: to, Subject: subject}
}

// header has the fields in the order in which they are added below: the
// library adds at the top.
func (l *Letter) header(date time.Time) message.Header {
	var h message.Header
	h.Set("MIME-Version", "1.0")
	h.Set("Message-ID", l.ID)
	h.Set("Date", date.UTC().Format(time.RFC1123Z))
	h.SetText("Subject", l.Subject)
	h.Set("To", l.To)
	h.Set("From", l.From)
	return h
}

// part is a leaf (content) or a multipart (parts) to be written.
type part struct {
	header  message.Header
	content []byte
	parts   []part
	tell    []truth.Part // what is to be said of it
}

func leaf(h message.Header, content []byte) part {
	return part{header: h, content: content, tell: []truth.Part{told(h, "", content)}}
}

// told is the truth about a leaf; name is its file name as the author knows it.
func told(h message.Header, name string, content []byte) truth.Part {
	mediaType, _, _ := h.ContentType()
	return truth.Part{ContentType: mediaType, Filename: name, Encoding: h.Get("Content-Transfer-Encoding"),
		Bytes: int64(len(content)), SHA256: sum(content)}
}

// multi is a multipart of a subtype with the parts in it.
func (a *Author) multi(h message.Header, subtype string, parts ...part) part {
	mediaType := "multipart/" + subtype
	h.SetContentType(mediaType, map[string]string{"boundary": fmt.Sprintf("=_%016x", a.rnd.Uint64())})
	p := part{header: h, parts: parts, tell: []truth.Part{{ContentType: mediaType}}}
	for _, c := range parts {
		p.tell = append(p.tell, c.tell...)
	}
	return p
}

// write writes the letter of which p is the body.
func (l *Letter) write(h message.Header, p part) error {
	var buf bytes.Buffer
	w, err := message.CreateWriter(&buf, h)
	if err != nil {
		return fmt.Errorf("letters: %w", err)
	}
	if err := p.fill(w); err != nil {
		return fmt.Errorf("letters: %w", err)
	}
	l.Raw, l.Parts = buf.Bytes(), p.tell
	if !bytes.HasSuffix(l.Raw, []byte("\r\n")) {
		l.Raw = append(l.Raw, "\r\n"...) // a message ends with a whole line
	}
	return nil
}

// fill writes what is behind the header.
func (p *part) fill(w *message.Writer) error {
	if p.parts == nil {
		if _, err := w.Write(p.content); err != nil {
			return err
		}
		return w.Close()
	}
	for _, c := range p.parts {
		cw, err := w.CreatePart(c.header)
		if err != nil {
			return err
		}
		if err := c.fill(cw); err != nil {
			return err
		}
	}
	return w.Close()
}

func crlf(text string) []byte { return []byte(strings.ReplaceAll(text, "\n", "\r\n")) }

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// Reader reads the letter.
func (l *Letter) Reader() io.Reader { return bytes.NewReader(l.Raw) }
