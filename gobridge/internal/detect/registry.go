package detect

// detectors run in this order.
var detectors = []struct {
	Detector
	whole bool // judges only what is not cut: how SQL reads depends on its beginning
}{
	{sqli{}, true},
	{xss{}, false},
}
