package web

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"math"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Object is what a site has at one path.
type Object struct {
	Type     string // media type
	Body     []byte
	ETag     string    // with its quotes; "" for none
	Modified time.Time // zero for none
	Control  string    // Cache-Control; "" for none
	// Think is how long the server takes to make it, in real time.
	Think time.Duration
}

// Site is a set of objects by path (and query). It may change while it is
// served.
type Site struct {
	mu      sync.Mutex
	objects map[string]Object
}

// Put adds or replaces an object.
func (s *Site) Put(path string, o Object) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.objects == nil {
		s.objects = map[string]Object{}
	}
	s.objects[path] = o
}

// Find is the object of a path.
func (s *Site) Find(path string) (Object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	o, ok := s.objects[path]
	return o, ok
}

// ServeHTTP answers also conditional requests (RFC 9110 section 13), as
// net/http's ServeContent does.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o, ok := s.Find(r.URL.RequestURI())
	if !ok {
		o, ok = s.Find(r.URL.Path)
	}
	if !ok {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprintf(w, "%s is not here\n", r.URL.Path)
		return
	}
	if o.Think > 0 {
		select {
		case <-time.After(o.Think):
		case <-r.Context().Done():
			return
		}
	}
	h := w.Header()
	h.Set("Content-Type", o.Type)
	if o.ETag != "" {
		h.Set("ETag", o.ETag)
	}
	if o.Control != "" {
		h.Set("Cache-Control", o.Control)
	}
	http.ServeContent(w, r, "", o.Modified, bytes.NewReader(o.Body))
}

// Random is the source of made-up content of one scenario.
func Random(seed uint64, scenario string) *rand.Rand {
	var h uint64 = 14695981039346656037 // FNV-1a
	for _, b := range []byte(scenario) {
		h = (h ^ uint64(b)) * 1099511628211
	}
	return rand.New(rand.NewPCG(seed, h))
}

// Image is a valid PNG file of noise with about n bytes.
func Image(rnd *rand.Rand, n int) ([]byte, error) {
	// A grey pixel of noise is a byte in the file, a row has one more, and all
	// the rest of the file is under 200 bytes.
	side := max(1, int(math.Sqrt(float64(max(1, n-200)))))
	img := image.NewGray(image.Rect(0, 0, side, side))
	for j := range img.Pix {
		img.Pix[j] = byte(rnd.Uint32())
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		return nil, err
	}
	return file.Bytes(), nil
}

// Document is a page that shows these elements.
func Document(title string, elements ...string) []byte {
	return fmt.Appendf(nil, "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>%s</title></head>\n<body>\n<h1>%s</h1>\n%s</body>\n</html>\n",
		title, title, strings.Join(elements, ""))
}

// Img is the element of an image.
func Img(src string) string { return fmt.Sprintf("<p><img src=%q alt=\"noise\"></p>\n", src) }

// HTML is the media type of pages, PNG that of images.
const (
	HTML = "text/html; charset=utf-8"
	PNG  = "image/png"
)
