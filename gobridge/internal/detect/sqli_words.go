package detect

import "strings"

// What folding asks of a word beyond its class.
const (
	wordLeft     = 1 << iota // may begin a phrase of the table
	wordRight                // may end one
	wordCallable             // becomes a function before "("
	wordIn                   // IN, NOT IN
	wordLike                 // LIKE, NOT LIKE
	wordIf                   // a function beginning with IF
	wordNot                  // NOT, the unary operator
	wordUser                 // USER, a function only without arguments
)

// maxWord is more than the longest word's bytes, and no more than a token keeps
// of its text.
const maxWord = 31

// sqliWord is an entry of the word table. Class 0: no keyword by itself, but a
// part of a phrase, or callable.
type sqliWord struct {
	name  string
	class byte
	flags uint8
}

// sqliWordTable is an open hash table over words; slot and word 0 are empty. A
// slot is the upper half of the hash and the index of the word: prose is looked
// up without a look at words.
type sqliWordTable struct {
	words []sqliWord
	slots [4096]uint32
}

var sqliWords = newSQLiWordTable()

func newSQLiWordTable() *sqliWordTable {
	t := &sqliWordTable{words: make([]sqliWord, 1, 1200)}
	for line := range strings.Lines(sqliKeywords) {
		name, class, _ := strings.Cut(line, "\t")
		t.add(name).class = class[0]
	}
	for line := range strings.Lines(sqliKeywords) {
		name, _, _ := strings.Cut(line, "\t")
		for i := range name {
			if name[i] == ' ' {
				t.add(name[:i]).flags |= wordLeft
				t.add(name[i+1:]).flags |= wordRight
			}
		}
	}
	for _, name := range []string{
		"USER_ID", "USER_NAME", "DATABASE", "PASSWORD", "USER",
		"CURRENT_USER", "CURRENT_DATE", "CURRENT_TIME",
		"CURRENT_TIMESTAMP", "LOCALTIME", "LOCALTIMESTAMP",
	} {
		t.add(name).flags |= wordCallable
	}
	for _, name := range []string{"IN", "NOT IN"} {
		t.add(name).flags |= wordIn
	}
	for _, name := range []string{"LIKE", "NOT LIKE"} {
		t.add(name).flags |= wordLike
	}
	t.add("NOT").flags |= wordNot
	t.add("USER").flags |= wordUser
	for i := range t.words {
		if strings.HasPrefix(t.words[i].name, "IF") {
			t.words[i].flags |= wordIf
		}
	}
	return t
}

// add returns the entry of name, new or old, until the next add.
func (t *sqliWordTable) add(name string) *sqliWord {
	h := wordHash(name)
	w := t.find(h, name)
	if w == 0 {
		w = uint16(len(t.words))
		t.words = append(t.words, sqliWord{name: name})
		slot := h % uint32(len(t.slots))
		for t.slots[slot] != 0 {
			slot = (slot + 1) % uint32(len(t.slots))
		}
		t.slots[slot] = h&^0xffff | uint32(w)
	}
	return &t.words[w]
}

// wordHash is of s; letters of both cases hash alike.
func wordHash(s string) uint32 {
	const (
		lower = 0x2020202020202020
		prime = 0x9e3779b97f4a7c15
	)
	h := uint64(len(s))
	for ; len(s) >= 8; s = s[8:] {
		h = (h ^ eight(s)&^lower) * prime
		h ^= h >> 32
	}
	var rest uint64
	switch n := len(s); {
	case n >= 4:
		rest = uint64(four(s)) | uint64(four(s[n-4:]))<<32
	case n > 0:
		rest = uint64(s[0]) | uint64(s[n/2])<<8 | uint64(s[n-1])<<16
	}
	h = (h ^ rest&^lower) * prime
	return uint32(h >> 32)
}

// find returns the word that equals s but for the case of ASCII letters, or 0.
// h is the hash of s.
func (t *sqliWordTable) find(h uint32, s string) uint16 {
	for slot := h % uint32(len(t.slots)); t.slots[slot] != 0; slot = (slot + 1) % uint32(len(t.slots)) {
		if e := t.slots[slot]; (e^h)>>16 == 0 && equalUpper(t.words[uint16(e)].name, s) {
			return uint16(e)
		}
	}
	return 0
}

// lookup is find for a string not hashed yet.
func (t *sqliWordTable) lookup(s string) uint16 { return t.find(wordHash(s), s) }

// merge returns the phrase "a b", or 0.
func (t *sqliWordTable) merge(a, b uint16) uint16 {
	if t.words[a].flags&wordLeft == 0 || t.words[b].flags&wordRight == 0 {
		return 0
	}
	x, y := t.words[a].name, t.words[b].name
	var buf [maxWord]byte
	if len(x)+1+len(y) > len(buf) {
		return 0
	}
	n := copy(buf[:], x)
	buf[n] = ' '
	n += 1 + copy(buf[n+1:], y)
	w := t.lookup(string(buf[:n]))
	if t.words[w].class == 0 {
		return 0
	}
	return w
}

func equalUpper(upper, s string) bool {
	if len(upper) != len(s) {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}

// upperNonASCII reports whether s, which holds a byte above 0x7f, may be a word
// of the table in upper case. strings.ToUpper makes an ASCII letter of two other
// characters only, the dotless i and the long s.
func (t *sqliWordTable) upperNonASCII(s string) bool {
	var buf [maxWord]byte
	n := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x80 {
			switch {
			case strings.HasPrefix(s[i:], "\u0131"):
				c = 'I'
			case strings.HasPrefix(s[i:], "\u017f"):
				c = 'S'
			default:
				return false
			}
			i++
		}
		if n == len(buf) {
			return false
		}
		buf[n] = c
		n++
	}
	return t.lookup(string(buf[:n])) != 0
}
