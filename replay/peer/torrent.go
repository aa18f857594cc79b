package peer

import (
	"crypto/sha1"
	"encoding/hex"
	"math/rand/v2"
)

// Hash is a SHA-1, of a piece or of an info dictionary, and also a peer's or a
// node's identifier.
type Hash [20]byte

// String is h in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Torrent is what a metainfo file says (BEP 3) of one file.
type Torrent struct {
	Name        string
	Length      int // bytes of the file
	PieceLength int // bytes of each piece but perhaps the last
	BlockLength int // bytes that one request asks for; not part of the metainfo
	Pieces      []Hash
	InfoHash    Hash
}

// NewTorrent makes a file of noise up, the same for the same seed, and its
// torrent.
func NewTorrent(name string, length, pieceLength, blockLength int, seed uint64) (*Torrent, []byte) {
	rnd := rand.New(rand.NewPCG(seed, 0x746f7272656e74)) // "torrent"
	content := make([]byte, length)
	for i := range content {
		content[i] = byte(rnd.Uint32())
	}
	t := &Torrent{Name: name, Length: length, PieceLength: pieceLength, BlockLength: blockLength}
	var hashes []byte
	for at := 0; at < length; at += pieceLength {
		h := sha1.Sum(content[at:min(at+pieceLength, length)])
		t.Pieces = append(t.Pieces, h)
		hashes = append(hashes, h[:]...)
	}
	t.InfoHash = sha1.Sum(Encode(map[string]any{
		"name": name, "length": length, "piece length": pieceLength, "pieces": hashes,
	}))
	return t, content
}

// pieceLen is the length of piece i in bytes.
func (t *Torrent) pieceLen(i int) int {
	return min(t.PieceLength, t.Length-i*t.PieceLength)
}

// blocks is how many requests piece i takes.
func (t *Torrent) blocks(i int) int {
	return (t.pieceLen(i) + t.BlockLength - 1) / t.BlockLength
}

// block is one block of a piece.
type block struct{ piece, number int }

// extent is where b begins in its piece, and how long it is, in bytes.
func (t *Torrent) extent(b block) (begin, length int) {
	begin = b.number * t.BlockLength
	return begin, min(t.BlockLength, t.pieceLen(b.piece)-begin)
}
