package message

// Size is the number of bytes that the Inflater holds beyond the struct.
func (f *Inflater) Size() int { return cap(f.win) }
