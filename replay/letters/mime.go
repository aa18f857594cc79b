package letters

import (
	"bytes"
	"image"
	"image/png"
	"mime"
	"time"

	"github.com/emersion/go-message"

	"github.com/wiretale/wiretale/replay/truth"
)

// WithAttachments is a letter with most of what MIME can do:
//
//	multipart/mixed
//	├── multipart/alternative
//	│   ├── text/plain   quoted-printable, UTF-8
//	│   └── text/html    quoted-printable, UTF-8
//	├── image/png        base64; its name in the form of RFC 2231
//	├── text/csv         base64; its name as RFC 2047 words, as many mailers do
//	├── text/plain       7bit; its name in RFC 2231 continuations
//	└── message/rfc822   another letter
func (a *Author) WithAttachments(from, to, subject string, inner *Letter, date time.Time) (*Letter, error) {
	l := a.letter(from, to, subject)
	h := l.header(date)

	const accents = "Liebe Grüße, und ein Stück Käse für 3 €.\n"
	text := crlf(accents + "\n" + a.Words(40) + ".a line that begins with a dot\n")
	html := crlf("<p>Liebe Grüße, und ein <b>Stück Käse</b> für 3&nbsp;€.</p>\n<p>" + a.Words(40) + "</p>\n")
	picture, err := a.picture(64)
	if err != nil {
		return nil, err
	}
	const drawing = "Übersicht – café.png"
	file := kind("image/png", nil, "base64")
	file.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": drawing}))

	table := crlf("month;letters\nJanuary;31\nFebruary;28\n")
	const tableName = "Briefe März.csv"
	sheet := kind("text/csv", nil, "base64")
	word := mime.BEncoding.Encode("utf-8", tableName)
	sheet.Set("Content-Type", `text/csv; name="`+word+`"`)
	sheet.Set("Content-Disposition", `attachment; filename="`+word+`"`)

	notes := crlf(a.Words(60))
	const notesName = "a name that is so long that it goes over two parameters.txt"
	note := kind("text/plain", map[string]string{"charset": "us-ascii"}, "7bit")
	note.Set("Content-Disposition", "attachment; filename*0=\""+notesName[:30]+"\"; filename*1=\""+notesName[30:]+"\"")

	forwarded := kind("message/rfc822", nil, "")
	// Its own parts follow it: depth first.
	letterPart := leaf(forwarded, inner.Raw)
	letterPart.tell[0].SHA256 = "" // its parts have theirs
	letterPart.tell = append(letterPart.tell, inner.Parts...)

	p := a.multi(h, "mixed",
		a.multi(message.Header{}, "alternative",
			leaf(kind("text/plain", map[string]string{"charset": "utf-8"}, "quoted-printable"), text),
			leaf(kind("text/html", map[string]string{"charset": "utf-8"}, "quoted-printable"), html)),
		named(file, drawing, picture),
		named(sheet, tableName, table),
		named(note, notesName, notes),
		letterPart,
	)
	return l, l.write(p.header, p)
}

// kind is the header of a part.
func kind(mediaType string, params map[string]string, encoding string) message.Header {
	var h message.Header
	if encoding != "" {
		h.Set("Content-Transfer-Encoding", encoding)
	}
	h.SetContentType(mediaType, params)
	return h
}

// named is a leaf with a file name.
func named(h message.Header, name string, content []byte) part {
	return part{header: h, content: content, tell: []truth.Part{told(h, name, content)}}
}

// picture is a PNG of noise.
func (a *Author) picture(side int) ([]byte, error) {
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = byte(a.rnd.Uint32())
	}
	var b bytes.Buffer
	err := png.Encode(&b, img)
	return b.Bytes(), err
}
