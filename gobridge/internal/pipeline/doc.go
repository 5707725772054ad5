// Package pipeline wires the stages in order: handshake, frame, message,
// framework, format, detect, verdict, event. It is the only package that
// imports every stage; read pipeline.go first.
package pipeline
