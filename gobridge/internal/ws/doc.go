// Package ws is the vocabulary of the engine: the words of RFC 6455 and
// RFC 7692 as types. It imports only the standard library and every stage may
// import it.
package ws
