package rerun

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"strings"

	"github.com/wiretale/wiretale/events"
)

// mailKey is what must be equal of two mails.
func mailKey(x *events.MailMessage) string {
	var b strings.Builder
	fmt.Fprintf(&b, "mail.message %s %s %d %s %s %s %s %s %d", x.Via, x.Section, x.Bytes, x.EnvelopeFrom, strings.Join(x.EnvelopeTo, ","), x.From, x.Subject, x.MessageID, len(x.Headers))
	for _, p := range x.Parts {
		fmt.Fprintf(&b, " %d:%s:%s:%s:%d", p.Depth, p.ContentType, p.Filename, p.Encoding, p.Bytes)
	}
	return b.String()
}

// maxBlanks is how many blanks may end a field.
const maxBlanks = 500

// mailText is the message: head as it was, parts of the same type, name,
// coding and size. nil: this form is not known.
func mailText(x *events.MailMessage) []byte {
	var head bytes.Buffer
	for _, h := range x.Headers {
		fmt.Fprintf(&head, "%s: %s\r\n", h[0], h[1])
	}
	head.WriteString("\r\n")
	rest := int(x.Bytes) - head.Len()
	if rest < 0 {
		return nil
	}
	if len(x.Parts) <= 1 && (len(x.Parts) == 0 || x.Parts[0].Encoding != "base64" && x.Parts[0].Encoding != "quoted-printable") {
		if len(x.Parts) == 1 {
			// Folded lines came as one: blanks make up for what that lacks.
			body := min(int(x.Parts[0].Bytes), rest)
			if pad := rest - body; pad > 0 && pad <= maxBlanks && len(x.Headers) > 0 {
				text := append(bytes.TrimSuffix(head.Bytes(), []byte("\r\n\r\n")), bytes.Repeat([]byte(" "), pad)...)
				return append(append(text, "\r\n\r\n"...), madeUp(body)...)
			}
		}
		return append(head.Bytes(), madeUp(rest)...)
	}
	if len(x.Parts) < 2 || !strings.HasPrefix(x.Parts[0].ContentType, "multipart/") {
		return nil
	}
	_, params, err := mime.ParseMediaType(events.Get(x.Headers, "Content-Type"))
	if err != nil || params["boundary"] == "" {
		return nil
	}
	parts := multipart(x.Parts, params["boundary"])
	if parts == nil || len(parts)+2 > rest {
		return nil
	}
	// What is too short is made up for in the preamble (RFC 2046 section 5.1.1).
	return append(append(head.Bytes(), madeUp(rest-len(parts))...), parts...)
}

// multipart is what is inside parts[0]: it takes the parts that are deeper.
func multipart(parts []events.MailPart, boundary string) []byte {
	var out bytes.Buffer
	inner := parts[0].Depth + 1
	for i := 1; i < len(parts); i++ {
		p := &parts[i]
		if p.Depth != inner {
			continue // inside the one before it
		}
		end := i + 1
		for end < len(parts) && parts[end].Depth > inner {
			end++
		}
		fmt.Fprintf(&out, "--%s\r\nContent-Type: %s", boundary, p.ContentType)
		within := fmt.Sprintf("%s.%d", boundary, i)
		multi := strings.HasPrefix(p.ContentType, "multipart/")
		if multi {
			fmt.Fprintf(&out, "; boundary=%q", within)
		}
		out.WriteString("\r\n")
		if p.Encoding != "" {
			fmt.Fprintf(&out, "Content-Transfer-Encoding: %s\r\n", p.Encoding)
		}
		if p.Filename != "" {
			fmt.Fprintf(&out, "Content-Disposition: attachment; filename=%q\r\n", p.Filename)
		}
		out.WriteString("\r\n")
		switch {
		case multi:
			b := multipart(parts[i:end], within)
			if b == nil {
				return nil
			}
			out.Write(b)
		case end > i+1:
			return nil // a letter inside
		case p.Encoding == "base64":
			text := base64.StdEncoding.EncodeToString(madeUp(int(p.Bytes)))
			for len(text) > 76 {
				out.WriteString(text[:76] + "\r\n")
				text = text[76:]
			}
			out.WriteString(text)
		default:
			out.Write(madeUp(int(p.Bytes)))
		}
		out.WriteString("\r\n")
	}
	fmt.Fprintf(&out, "--%s--\r\n", boundary)
	return out.Bytes()
}
