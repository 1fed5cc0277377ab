package main

import "github.com/influxdata/telegraf"

// silence is a logger that logs nothing.
type silence struct{ telegraf.Logger }

func (silence) Level() telegraf.LogLevel         { return telegraf.None }
func (silence) AddAttribute(string, interface{}) {}
func (silence) Errorf(string, ...interface{})    {}
func (silence) Error(...interface{})             {}
func (silence) Warnf(string, ...interface{})     {}
func (silence) Warn(...interface{})              {}
func (silence) Infof(string, ...interface{})     {}
func (silence) Info(...interface{})              {}
func (silence) Debugf(string, ...interface{})    {}
func (silence) Debug(...interface{})             {}
func (silence) Tracef(string, ...interface{})    {}
func (silence) Trace(...interface{})             {}
