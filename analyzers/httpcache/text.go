package httpcache

// text is a text in texts. The zero value is "".
type text struct{ block, from, size uint32 }

// texts holds many texts in a few blocks, and text has no pointer: the garbage
// collector has nothing to do with them.
type texts struct{ blocks [][]byte }

const textBlock = 64 << 10

// add copies b.
func (t *texts) add(b []byte) text {
	if len(b) == 0 {
		return text{}
	}
	n := len(t.blocks)
	if n == 0 || cap(t.blocks[n-1])-len(t.blocks[n-1]) < len(b) {
		t.blocks = append(t.blocks, make([]byte, 0, max(textBlock, len(b))))
		n++
	}
	l := &t.blocks[n-1]
	*l = append(*l, b...)
	return text{uint32(n - 1), uint32(len(*l) - len(b)), uint32(len(b))}
}

// of is borrowed, and must not be changed.
func (t *texts) of(x text) []byte {
	if x.size == 0 {
		return nil
	}
	return t.blocks[x.block][x.from : x.from+x.size]
}

// words gives numbers to texts of which there are few. 0 is "".
type words struct{ list []string }

// of is for the names of package httpfresh: there are a dozen.
func (w *words) of(s string) uint16 {
	for i := range w.list {
		if w.list[i] == s {
			return uint16(i)
		}
	}
	if len(w.list) == 0 {
		w.list = append(w.list, "")
		return w.of(s)
	}
	w.list = append(w.list, s)
	return uint16(len(w.list) - 1)
}
