package ws

import "fmt"

// Direction says who sent the bytes. The values are those of wsi.h.
type Direction uint8

// The two directions of a connection.
const (
	FromClient Direction = 0
	FromServer Direction = 1
)

func (d Direction) String() string {
	switch d {
	case FromClient:
		return "c2s"
	case FromServer:
		return "s2c"
	}
	return fmt.Sprintf("direction(%d)", uint8(d))
}
