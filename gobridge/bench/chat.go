package main

import (
	_ "embed"
	"math/rand/v2"
	"strings"
)

// chat holds one sentence of English small talk per line: apostrophes and
// punctuation included, nothing that JSON would escape.
//
//go:embed chat.txt
var chat string

var users = []string{"Anna", "Ben", "Chloe", "Dmitri", "Elena", "Frank", "Grace", "Hugo", "Isla", "Jack"}

// chatMessages returns distinct socket.io events of exactly size bytes, the
// same ones in every run. Sizes too small for an object carry the text alone,
// as the socket.io chat example sends it.
func chatMessages(size int) [][]byte {
	sentences := strings.Split(strings.TrimSpace(chat), "\n")
	rnd := rand.New(rand.NewPCG(uint64(size), 0))

	// Enough of them that neither caches nor branch predictors learn the
	// text, within 8 MiB.
	n := min(512, max(8, 8<<20/size))

	messages := make([][]byte, n)
	for i := range messages {
		head, tail := `42["chat message",{"user":"`+users[rnd.IntN(len(users))]+`","text":"`, `"}]`
		if size < 64 {
			head, tail = `42["chat message","`, `"]`
		}

		m := make([]byte, 0, size)
		m = append(m, head...)
		end := size - len(tail)
		for len(m) < end {
			s := sentences[rnd.IntN(len(sentences))]
			m = append(m, s[:min(len(s), end-len(m))]...)
			if len(m) < end {
				m = append(m, ' ')
			}
		}
		messages[i] = append(m, tail...)
	}
	return messages
}
