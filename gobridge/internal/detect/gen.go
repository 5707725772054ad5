package detect

//go:generate go run ./crsgen
