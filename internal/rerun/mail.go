package rerun

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"mime"
	"net/url"
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
	rest := int(x.Bytes) - head.Len() - len("\r\n")
	if rest < 0 {
		return nil
	}
	text := head.Bytes()
	if len(x.Parts) > 1 || len(x.Parts) == 1 && compound(x.Parts[0].ContentType) {
		_, params, err := mime.ParseMediaType(events.Get(x.Headers, "Content-Type"))
		if err != nil || params["boundary"] == "" || !strings.HasPrefix(x.Parts[0].ContentType, "multipart/") {
			return nil
		}
		parts := multipart(x.Parts, params["boundary"])
		pad := rest - len(parts)
		switch {
		case parts == nil || pad < 0:
			return nil
		case pad == 1:
			parts = append(parts, 'x') // an epilogue
			pad = 0
		}
		// What is too short is made up for in the preamble (RFC 2046 section 5.1.1).
		return append(append(append(text, "\r\n"...), madeUp(pad)...), parts...)
	}
	body, pad := madeUp(rest), 0
	if len(x.Parts) == 1 {
		body = encoded(&x.Parts[0])
		pad = rest - len(body)
		switch p := &x.Parts[0]; {
		case pad < 0:
			body, pad = madeUp(rest), 0
		case p.Encoding == "base64":
			body = append(body, strings.Repeat("\r\n", pad/2)...)
			pad %= 2
		case p.Encoding == "quoted-printable":
			body = append([]byte(strings.Repeat("=\r\n", pad/3)), body...)
			pad %= 3
		}
	}
	// Folded lines came as one: blanks make up for what that lacks.
	if pad > maxBlanks || pad > 0 && len(x.Headers) == 0 {
		body, pad = madeUp(rest), 0
	}
	return append(append(padded(text, pad), "\r\n"...), body...)
}

// compound reports whether a part of that type has parts.
func compound(contentType string) bool {
	return strings.HasPrefix(contentType, "multipart/") || contentType == "message/rfc822"
}

// padded is fields with n blanks at the end of the last.
func padded(fields []byte, n int) []byte {
	if n == 0 || len(fields) < 2 {
		return fields
	}
	return append(append(fields[:len(fields)-2:len(fields)-2], strings.Repeat(" ", n)...), "\r\n"...)
}

// encoded is made-up content of a part, in its coding.
func encoded(p *events.MailPart) []byte {
	if p.Encoding != "base64" {
		return madeUp(int(p.Bytes)) // which is quoted-printable as it is
	}
	var out []byte
	text := base64.StdEncoding.EncodeToString(madeUp(int(p.Bytes)))
	for len(text) > 76 {
		out = append(out, text[:76]+"\r\n"...)
		text = text[76:]
	}
	return append(out, text...)
}

// multipart is what is inside parts[0]: it takes the parts that are deeper.
func multipart(parts []events.MailPart, boundary string) []byte {
	var out bytes.Buffer
	inner := parts[0].Depth + 1
	for i := 1; i < len(parts); {
		if parts[i].Depth != inner {
			return nil
		}
		end := i + 1
		for end < len(parts) && parts[end].Depth > inner {
			end++
		}
		part := entity(parts[i:end], fmt.Sprintf("%s.%d", boundary, i))
		if part == nil {
			return nil
		}
		fmt.Fprintf(&out, "--%s\r\n%s\r\n", boundary, part)
		i = end
	}
	fmt.Fprintf(&out, "--%s--\r\n", boundary)
	return out.Bytes()
}

// entity is a part with its head and what is in it; boundary is for that.
func entity(parts []events.MailPart, boundary string) []byte {
	var out bytes.Buffer
	p := &parts[0]
	multi := strings.HasPrefix(p.ContentType, "multipart/")
	out.WriteString("Content-Type: " + p.ContentType)
	if multi {
		fmt.Fprintf(&out, "; boundary=%q", boundary)
	}
	out.WriteString("\r\n")
	if p.Encoding != "" {
		fmt.Fprintf(&out, "Content-Transfer-Encoding: %s\r\n", p.Encoding)
	}
	if p.Filename != "" {
		fmt.Fprintf(&out, "Content-Disposition: attachment; %s\r\n", filename(p.Filename))
	}
	out.WriteString("\r\n")
	switch {
	case multi:
		b := multipart(parts, boundary)
		if b == nil {
			return nil
		}
		out.Write(b)
	case len(parts) == 1:
		out.Write(encoded(p))
	default:
		b := letterInside(parts, boundary)
		if b == nil || p.Encoding == "base64" {
			return nil
		}
		out.Write(b)
	}
	return out.Bytes()
}

// letterInside is a message as content of a part (RFC 2046 section 5.2.1), with
// a head that is as long as to make up its size.
func letterInside(parts []events.MailPart, boundary string) []byte {
	if parts[0].ContentType != "message/rfc822" || parts[1].Depth != parts[0].Depth+1 {
		return nil
	}
	in := entity(parts[1:], boundary)
	pad := int(parts[0].Bytes) - len(in)
	const field = "Comments: \r\n"
	switch {
	case in == nil || pad < 0:
		return nil
	case pad < len(field):
		end := bytes.Index(in, []byte("\r\n")) + 2
		return append(padded(in[:end:end], pad), in[end:]...)
	}
	// Blanks and a line end fold a field (RFC 5322 section 2.2.3).
	comment := []byte(strings.Repeat("x", pad-len(field)))
	for i := 70; i+3 < len(comment); i += 72 {
		copy(comment[i:], "\r\n ")
	}
	return append([]byte("Comments: "+string(comment)+"\r\n"), in...)
}

// filename is the parameter of Content-Disposition (RFC 2183, RFC 2231).
func filename(name string) string {
	for i := range len(name) {
		if b := name[i]; b < ' ' || b >= 0x7f || b == '"' || b == '\\' {
			return "filename*=utf-8''" + url.PathEscape(name)
		}
	}
	return fmt.Sprintf("filename=%q", name)
}
