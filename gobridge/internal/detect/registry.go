package detect

// detectors run in this order.
var detectors = []Detector{
	sqli{},
	xss{},
}
