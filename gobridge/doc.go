// Command gobridge is the engine as a C shared library, libwsi.so. Its
// functions are those of wsi.h: they check arguments, call package pipeline
// and recover panics. All calls come from one thread, NGINX's event loop.
package main

// version is set by the build.
var version = "unknown"

func main() {}
