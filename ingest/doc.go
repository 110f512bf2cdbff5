// Package ingest turns a request into events and buffers or drops each of them. It is the
// pipeline between the HTTP endpoint and the event log:
//
//	request -> spam referrer -> per domain: gate keeper, shields, location, user agent,
//	source, properties, revenue, user ID, validation -> buffer
//
// The steps have the order of Plausible's pipeline. One file holds one step. The package
// knows neither HTTP nor storage: sites, limits, salts and the buffer are interfaces.
//
// What identifies a visitor is used up here: buffered events hold no IP address, no user
// agent and no salt.
package ingest
