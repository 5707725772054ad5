package view

import "bytes"

// derivable is which views of a reading may differ from it.
func derivable(text []byte) Kind { return derivableOf(text, classes(text)) }

func derivableOf(text []byte, acc Classes) (m Kind) {
	if acc&cApos != 0 {
		m |= changesQuotes(text, '\'')
	}
	if acc&cQuote != 0 {
		m |= changesQuotes(text, '"')
	}
	if m&SQL == 0 && acc&(cSlash|cDash|cHash|cTick) != 0 && changesSQL(text, acc) {
		m |= SQL
	}
	if m&Shell == 0 && acc&(cBackslash|cDollar|cCaret|cBrace|cTick) != 0 && changesShell(text, acc) {
		m |= Shell
	}
	if acc&(cSlash|cBackslash) != 0 && changesPath(text) {
		m |= Path
	}
	return m
}

func at(p []byte, i int) byte {
	if i < 0 || i >= len(p) {
		return ' '
	}
	return p[i]
}

func isBlank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// changesQuotes is SQL if the quotes q separate strings that are one, and Shell
// if two stand in one word.
func changesQuotes(text []byte, q byte) (m Kind) {
	last := -1 // the quote before, if no blank is behind it
	for i := bytes.IndexByte(text, q); i >= 0; i = next(text, i, q) {
		p, n := at(text, i-1), at(text, i+1)
		switch {
		case isWord(n):
			if isWord(p) || last >= 0 && isWord(at(text, last-1)) {
				if last >= 0 && bytes.IndexByte(text[last:i], ' ') < 0 {
					m |= Shell
				}
				last = i
			} else if last = -1; p == '/' {
				last = i
			}
			continue
		case n == q:
			if after := at(text, i+2); (isWord(p) || p == '/') && (isWord(after) || after == '/') {
				m |= Shell
			}
		}
		if last >= 0 && isWord(p) && isWord(at(text, last-1)) && bytes.IndexByte(text[last:i], ' ') < 0 {
			m |= Shell
		}
		last = -1
		if m&SQL == 0 && joined(text, i) > 0 {
			m |= SQL
		}
	}
	return m
}

// changesSQL reports whether there is a comment with something behind it, or a
// backtick between words.
func changesSQL(text []byte, acc Classes) bool {
	if acc&cSlash != 0 {
		if i := bytes.Index(text, comment); i >= 0 && i+2 < len(text) {
			return true
		}
	}
	if acc&cNewline != 0 && acc&(cDash|cHash) != 0 {
		last := bytes.LastIndexByte(bytes.TrimRight(text, " \t\r\n"), '\n')
		for i := 0; i < last; i++ {
			if !lineComment(text, i) {
				continue
			}
			end := i + bytes.IndexByte(text[i:], '\n')
			if i > 0 && !isBlank(text[i-1]) || isJunk(text[i:end]) {
				return true
			}
			i = end // people write so
		}
	}
	return acc&cTick != 0 && ticked(text)
}

// next is the index of the next q behind i, -1 if there is none.
func next(text []byte, i int, q byte) int {
	j := bytes.IndexByte(text[i+1:], q)
	if j < 0 {
		return -1
	}
	return i + 1 + j
}

var comment = []byte("/*")

// lineComment reports whether a comment to the end of the line begins at i.
func lineComment(text []byte, i int) bool {
	return text[i] == '#' || text[i] == '-' && at(text, i+1) == '-'
}

// isJunk reports whether a comment is empty, or what no dash of prose has at
// once behind it.
func isJunk(p []byte) bool {
	if p[0] == '#' {
		return len(bytes.TrimSpace(p)) == 1
	}
	return len(bytes.TrimSpace(p)) == 2 || bytes.IndexByte(p, ' ') < 0
}

// joined is the size of what stands between two strings that are concatenated,
// from the quote at i on that ends the first, 0 if nothing is.
func joined(text []byte, i int) int {
	const most = 16 // blanks
	q := text[i]
	if !isInner(at(text, i-1)) {
		return 0
	}
	j := i + 1
	operator := false
	for j < len(text) && j-i < most {
		switch c := text[j]; {
		case isBlank(c):
			j++
			continue
		case !operator && (c == '+' || c == '.' || c == '~'):
			j++
			operator = true
			continue
		case !operator && c == '|' && at(text, j+1) == '|':
			j += 2
			operator = true
			continue
		case c == q && operator && isInner(at(text, j+1)),
			c == q && j > i+1 && isWord(text[i-1]) && isWord(at(text, j+1)):
			return j + 1 - i
		}
		break
	}
	return 0
}

// isInner reports whether c is within a string rather than at its end.
func isInner(c byte) bool {
	switch c {
	case '\'', '"', '`', '(', ')', ',', '=', ';', '+', '|':
		return false
	}
	return !isBlank(c)
}

// ticked reports whether a backtick joins words that a blank would separate.
func ticked(text []byte) bool {
	for i := bytes.IndexByte(text, '`'); i >= 0; i = next(text, i, '`') {
		if isWord(at(text, i-1)) && isWord(at(text, i+1)) {
			return true
		}
	}
	return false
}

// sqlView appends text as a parser of SQL has it.
func sqlView(dst, text []byte) []byte {
	begin := len(dst)
	blank := func() {
		if n := len(dst); n == begin || dst[n-1] != ' ' {
			dst = append(dst, ' ')
		}
	}
	ends := true // there is an end of a comment, and of a line, ahead
	// A comment with nothing behind it stays: it ends a statement.
	lines := bytes.IndexByte(text, '\n')
	last := bytes.LastIndexByte(bytes.TrimRight(text, " \t\r\n"), '\n')
	unwrapped := 0
	for i := 0; i < len(text); {
		c := text[i]
		switch {
		case isBlank(c):
			blank()
			i++
			continue
		case c == '/' && at(text, i+1) == '*':
			if at(text, i+2) == '!' || at(text, i+2) == 'M' && at(text, i+3) == '!' {
				// What MySQL and MariaDB execute, from a version on.
				i += 3
				for i < len(text) && (isDigit(text[i]) || text[i] == '!') {
					i++
				}
				unwrapped++
				blank()
				continue
			}
			end := -1
			if ends {
				end = bytes.Index(text[i+2:], commentEnd)
			}
			blank()
			if end < 0 {
				ends = false
				i += 2
				continue
			}
			i += 2 + end + 2
			continue
		case c == '*' && unwrapped > 0 && at(text, i+1) == '/':
			unwrapped--
			blank()
			i += 2
			continue
		case i < last && lineComment(text, i):
			if lines < i {
				lines = i + bytes.IndexByte(text[i:], '\n')
			}
			blank()
			i = lines + 1
			continue
		case c == '\'' || c == '"':
			if n := joined(text, i); n > 0 {
				i += n
				continue
			}
		case c == '`':
			blank()
			i++
			continue
		}
		dst = append(dst, c)
		i++
	}
	return dst
}

var commentEnd = []byte("*/")

// changesShell reports whether a word has what a shell removes from it.
func changesShell(text []byte, acc Classes) bool {
	if acc&cBackslash != 0 {
		for i := bytes.IndexByte(text, '\\'); i >= 0; i = next(text, i, '\\') {
			n := at(text, i+1)
			if _, size := scriptEscape(text[i:]); size > 2 {
				continue
			}
			if n == '\n' || isLetter(n) && (isWord(at(text, i-1)) || at(text, i-1) == '/') {
				return true
			}
		}
	}
	if acc&cDollar != 0 {
		for i := bytes.IndexByte(text, '$'); i >= 0; i = next(text, i, '$') {
			if n, _ := variable(text, i); n > 0 {
				return true
			}
		}
	}
	if acc&cCaret != 0 {
		for i := bytes.IndexByte(text, '^'); i >= 0; i = next(text, i, '^') {
			if isLetter(at(text, i+1)) && isLetter(at(text, i-1)) {
				return true
			}
		}
	}
	if acc&cBrace != 0 {
		for i := bytes.IndexByte(text, '{'); i >= 0; i = next(text, i, '{') {
			if braceEnd(text, i) > 0 {
				return true
			}
		}
	}
	if acc&cTick != 0 {
		if i := bytes.Index(text, ticks); i >= 0 && isWord(at(text, i-1)) && isWord(at(text, i+2)) {
			return true
		}
		return ticked(text)
	}
	return false
}

var ticks = []byte("``")

// variable is the size of a variable at i that is a blank, or nothing, to a
// shell.
func variable(text []byte, i int) (n int, with byte) {
	p := text[i:]
	if len(p) < 2 {
		return 0, 0
	}
	switch c := p[1]; {
	case c == '{':
		const most = 32
		j := 2
		for j < len(p) && j < most && (isWord(p[j]) || p[j] == '@' || p[j] == '*' || p[j] == '#') {
			j++
		}
		name := p[2:j]
		if j >= len(p) || j == 2 {
			return 0, 0
		}
		ifs := string(name) == "IFS"
		if p[j] == '}' {
			if ifs {
				return j + 1, ' '
			}
			if isLetter(p[2]) && !(isWord(at(text, i-1)) || at(text, i-1) == '/') {
				return 0, 0 // a word of its own is what templates have
			}
			return j + 1, 0
		}
		end := bytes.IndexByte(p[:min(len(p), most)], '}')
		if end < 0 {
			return 0, 0
		}
		switch p[j] {
		case '%', '#', ':':
			if ifs {
				return end + 1, ' '
			}
			if string(p[j:end]) == ":0:1" {
				switch string(name) {
				case "PATH", "HOME", "PWD", "SHELL":
					return end + 1, '/'
				}
			}
		}
	case c == '!' || c == '-' || c == '?' || c == '#':
		// Empty, or one that nothing in a word needs.
		if (isWord(at(text, i-1)) || at(text, i-1) == '/') && isLetter(at(p, 2)) {
			return 2, 0
		}
	case c == '@' || c == '*' || isDigit(c):
		// Positional parameters: a shell that runs one line has none.
		if isWord(at(text, i-1)) || at(text, i-1) == '/' {
			if isDigit(c) && isDigit(at(p, 2)) {
				return 0, 0 // a price
			}
			return 2, 0
		}
	case isLetter(c) || c == '_':
		j := 2
		for j < len(p) && isWord(p[j]) {
			j++
		}
		if string(p[1:j]) == "IFS" {
			if j+1 < len(p) && p[j] == '$' && isDigit(p[j+1]) {
				j += 2
			}
			return j, ' '
		}
		if isWord(at(text, i-1)) || at(text, i-1) == '/' {
			return j, 0
		}
	case c == '(' && at(p, 2) == ')':
		return 3, 0
	}
	return 0, 0
}

// braceEnd is the index of what ends the list of words in braces at i, 0 if
// there is none.
func braceEnd(text []byte, i int) int {
	const most = 256
	if !isLetter(at(text, i+1)) && at(text, i+1) != '/' || at(text, i-1) == '$' {
		return 0
	}
	comma := false
	for j := i + 1; j < len(text) && j-i < most; j++ {
		switch c := text[j]; {
		case c == ',':
			comma = true
		case c == '}':
			if comma {
				return j
			}
			return 0
		case isBlank(c), c == ':', c == '{':
			return 0
		}
	}
	return 0
}

// shellView appends text as a shell has it behind its expansions.
func shellView(dst, text []byte) []byte {
	end := 0 // of the list in braces
	for i := 0; i < len(text); {
		c := text[i]
		switch c {
		case '\'', '"':
			i++
			continue
		case '\\':
			if at(text, i+1) == '\n' {
				i += 2
				continue
			}
			if i++; i < len(text) {
				dst = append(dst, text[i])
				i++
			}
			continue
		case '^':
			if isWord(at(text, i+1)) {
				i++
				continue
			}
		case '`':
			if at(text, i+1) == '`' {
				i += 2
				continue
			}
			if isWord(at(text, i-1)) && isWord(at(text, i+1)) {
				i++ // PowerShell's backslash
				continue
			}
		case '$':
			if n, with := variable(text, i); n > 0 {
				if with != 0 {
					dst = append(dst, with)
				}
				i += n
				continue
			}
			if n := at(text, i+1); n == '\'' || n == '"' {
				i++
				continue
			}
		case '{':
			if n := braceEnd(text, i); n > 0 {
				end = n
				i++
				continue
			}
		case ',':
			if i < end {
				c = ' '
			}
		case '}':
			if i == end && end > 0 {
				c = ' '
			}
		}
		dst = append(dst, c)
		i++
	}
	return dst
}

// changesPath reports whether a path has what is no part of it.
func changesPath(text []byte) bool {
	several := false
	for i := bytes.IndexByte(text, '\\'); i >= 0; i = next(text, i, '\\') {
		if r, size := scriptEscape(text[i:]); size > 2 || r == '"' {
			several = false
			continue
		}
		p := at(text, i-1)
		if p == '.' || p == '/' || isWord(p) && (several || at(text, i+1) == '.') {
			return true
		}
		several = isWord(at(text, i+1)) || at(text, i+1) == '\\'
	}
	for i := bytes.IndexByte(text, '/'); i >= 0; i = next(text, i, '/') {
		switch at(text, i+1) {
		case '/':
			if p := at(text, i-1); i > 0 && p != ':' && !isBlank(p) {
				return true
			}
		case '.':
			if c := at(text, i+2); c == '/' || c == '\\' {
				return true
			}
		}
		if at(text, i-1) == ';' && i > 2 && text[i-2] == '.' && text[i-3] == '.' {
			return true
		}
	}
	return false
}

// pathView appends text with its paths in one form. What climbs stays.
func pathView(dst, text []byte) []byte {
	begin := len(dst)
	for _, c := range text {
		if c == '\\' {
			c = '/'
		}
		if c == '/' {
			p := dst[begin:]
			n := len(p)
			switch {
			case n >= 2 && p[n-1] == '.' && p[n-2] == '/':
				dst = dst[:begin+n-1] // /./
				continue
			case n >= 3 && p[n-1] == ';' && p[n-2] == '.' && p[n-3] == '.':
				dst = dst[:begin+n-1] // ..;/
			case n >= 1 && p[n-1] == '/' && !(n >= 2 && p[n-2] == ':'):
				continue
			}
		}
		dst = append(dst, c)
	}
	return dst
}
