module wsi

go 1.25.0

require (
	github.com/corazawaf/libinjection-go v0.3.5 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
)
