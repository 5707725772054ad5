package format_test
import ("testing";"fmt";"wsi/gobridge/internal/format")
func manyEvent(size int) []byte {
	s:=`[`
	for i:=0; len(s)<size;i++ { if i>0 {s+=","}; s+=fmt.Sprintf(`{"id":%d,"user":"alice","text":"hello there, it's \u003c5 o'clock","tags":["a","b"],"ok":true}`,i) }
	return []byte(s+`]`)
}
func BenchmarkTmp(b *testing.B) {
	p:=manyEvent(16384)
	var w format.Walker
	b.SetBytes(int64(len(p)))
	for b.Loop() { w.Walk(p, format.Root{}, func(*format.Field){}) }
}
