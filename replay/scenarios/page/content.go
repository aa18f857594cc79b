package page

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
)

// page or image of the site.
type content struct {
	mediaType string
	body      []byte
}

// pages is all that the web server has, by path.
type pages struct {
	byPath map[string]content
}

// Sizes of images in bytes, about.
const (
	smallest = 1_000
	largest  = 40_000
)

// makePages makes the site up: the same for the same seed. Images are valid
// PNG files of noise, so that whoever looks into them finds nothing broken.
func makePages(seed uint64) (*pages, error) {
	rnd := rand.New(rand.NewPCG(seed, 0x70616765)) // "page"
	p := &pages{byPath: map[string]content{}}
	var html bytes.Buffer
	fmt.Fprintf(&html, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>Ten images</title></head>\n<body>\n<h1>Ten images</h1>\n")
	for i := 1; i <= images; i++ {
		// A grey pixel of noise is a byte in the file, a row has one more, and
		// all the rest of the file is under 200 bytes.
		side := int(math.Sqrt(float64(smallest + rnd.IntN(largest-smallest-600))))
		img := image.NewGray(image.Rect(0, 0, side, side))
		for j := range img.Pix {
			img.Pix[j] = byte(rnd.Uint32())
		}
		var file bytes.Buffer
		if err := png.Encode(&file, img); err != nil {
			return nil, err
		}
		path := fmt.Sprintf("/images/%02d.png", i)
		p.byPath[path] = content{mediaType: "image/png", body: file.Bytes()}
		fmt.Fprintf(&html, "<p><img src=%q width=\"%d\" height=\"%d\" alt=\"Noise, number %d\"></p>\n", path, side, side, i)
	}
	html.WriteString("</body>\n</html>\n")
	p.byPath["/"] = content{mediaType: "text/html; charset=utf-8", body: html.Bytes()}
	return p, nil
}
