package multiplex

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
)

// Content is one thing that a server has.
type Content struct {
	Type string // media type
	Body []byte
}

// Maker makes contents up: the same for the same seed.
type Maker struct{ rnd *rand.Rand }

// NewMaker makes contents for one purpose; another number gives others.
func NewMaker(seed, purpose uint64) *Maker {
	return &Maker{rand.New(rand.NewPCG(seed, purpose))}
}

// PNG is a valid image of about so many bytes that cannot be compressed.
func (m *Maker) PNG(size int) (Content, error) {
	// A grey pixel of noise is a byte in the file, a row has one more.
	side := int(math.Sqrt(float64(size)))
	img := image.NewGray(image.Rect(0, 0, side, side))
	for i := range img.Pix {
		img.Pix[i] = byte(m.rnd.Uint32())
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		return Content{}, err
	}
	return Content{Type: "image/png", Body: file.Bytes()}, nil
}

// Noise is a file that no program takes for anything else.
func (m *Maker) Noise(size int) Content {
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(m.rnd.Uint32())
	}
	return Content{Type: "application/octet-stream", Body: b}
}

var properties = []string{"color", "background-color", "border-color", "outline-color", "caret-color", "fill", "stroke"}

// CSS is a valid style sheet of about so many bytes.
func (m *Maker) CSS(size int) Content {
	var b bytes.Buffer
	for i := 1; b.Len() < size; i++ {
		fmt.Fprintf(&b, ".rule-%d { %s: #%06x; width: %dpx }\n", i, properties[m.rnd.IntN(len(properties))], m.rnd.IntN(1<<24), m.rnd.IntN(2000))
	}
	return Content{Type: "text/css; charset=utf-8", Body: b.Bytes()}
}

// JS is a valid script of about so many bytes.
func (m *Maker) JS(size int) Content {
	var b bytes.Buffer
	b.WriteString("\"use strict\";\n")
	for i := 1; b.Len() < size; i++ {
		fmt.Fprintf(&b, "const value%d = %d;\n", i, m.rnd.Uint64()>>20)
	}
	return Content{Type: "text/javascript; charset=utf-8", Body: b.Bytes()}
}

// SVG is a valid drawing of about so many bytes.
func (m *Maker) SVG(size int) Content {
	var b bytes.Buffer
	b.WriteString("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 100 100\">\n")
	for b.Len() < size-8 {
		fmt.Fprintf(&b, "<circle cx=\"%d\" cy=\"%d\" r=\"%d\" fill=\"#%06x\"/>\n", m.rnd.IntN(100), m.rnd.IntN(100), 1+m.rnd.IntN(9), m.rnd.IntN(1<<24))
	}
	b.WriteString("</svg>\n")
	return Content{Type: "image/svg+xml", Body: b.Bytes()}
}
