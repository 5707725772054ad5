package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"

	"wsi/gobridge/internal/pipeline"
	"wsi/gobridge/internal/policy"
	"wsi/gobridge/internal/ws"
)

// setting is one way to configure the engine.
type setting struct {
	paranoia int
}

// settings are what the curve has; the first is the default.
var settings = []setting{{1}, {2}, {3}, {4}}

// hit is a rule that hit.
type hit struct {
	rule, kind string
	score      int
	path       string
	match      string
}

// judgement is what the engine made of a text.
type judgement struct {
	score int
	hits  []hit
}

// drop says that a message with the text is dropped.
func (j *judgement) drop(threshold int) bool { return j.score > 0 && j.score >= threshold }

// judge gives texts to the engine as NGINX does: in a frame, in a message of
// its own session, as a string in JSON.
type judge struct {
	engine *pipeline.Engine
	config pipeline.Config
	found  judgement
}

func newJudge() (*judge, error) {
	e, err := pipeline.NewEngine(pipeline.Options{})
	if err != nil {
		return nil, err
	}
	return &judge{engine: e, config: pipeline.Config{
		Mode:      [2]pipeline.Mode{pipeline.Monitoring, pipeline.Monitoring},
		Limits:    ws.DefaultLimits,
		Threshold: 1,
	}}, nil
}

// judgeAll fills in the judgement of all samples.
func (j *judge) judgeAll(c *corpus, set setting) error {
	j.config.Policy = nil
	if set.paranoia > 1 {
		j.config.Policy = &policy.Policy{Paranoia: set.paranoia}
	}
	for _, s := range c.all {
		found, err := j.judge(s.Text)
		if err != nil {
			return err
		}
		s.judgement = found
	}
	return nil
}

func (j *judge) judge(text string) (judgement, error) {
	s, _ := j.engine.Open(pipeline.Handshake{Target: "/"}, &j.config)
	j.found = judgement{}
	s.Observe = j.observe
	for b := frame(message(text)); len(b) > 0; {
		r := s.Feed(ws.FromClient, b)
		if r.Status == pipeline.Failed || r.Consumed == 0 {
			return judgement{}, errors.New("the engine failed")
		}
		b = b[r.Consumed:]
	}
	s.Close()
	return j.found, nil
}

func (j *judge) observe(r *pipeline.Record) {
	j.found.score = r.Score
	for _, h := range r.Hits {
		j.found.hits = append(j.found.hits, hit{h.Rule, h.Type, h.Score, h.Path, string(h.Match)})
	}
}

// message is a JSON document with text.
func message(text string) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(map[string]string{"text": text}); err != nil {
		panic(err) // a string can be encoded
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// frame is a client's text frame, masked with 0.
func frame(payload []byte) []byte {
	b := []byte{0x81}
	switch n := len(payload); {
	case n < 126:
		b = append(b, 0x80|byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 0x80|126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 0x80|127), uint64(n))
	}
	return append(append(b, 0, 0, 0, 0), payload...)
}
