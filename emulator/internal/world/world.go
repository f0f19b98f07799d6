// Package world derives the stand-in organisation's people, and which applications they use, from a seed and an
// index. Nothing is stored: person 99,999 costs as much as person 0, and two runs with one seed agree byte for byte.
package world

import "time"

// DefaultEpoch is "today" of the seeded data unless the caller names another day.
func DefaultEpoch() time.Time { return time.Date(2026, time.November, 1, 9, 0, 0, 0, time.UTC) }

// World is one organisation's population. It is immutable.
type World struct {
	Config
	given, family               []name
	departments, outsideDomains []string
}

// Config says which world to derive.
type Config struct {
	Seed   uint64
	Domain string    // primary e-mail domain
	People int       // how many people exist
	Apps   int       // how many applications they choose from
	Epoch  time.Time // dates are derived backwards from here
}

// New returns the world of a configuration.
func New(c Config) *World {
	return &World{
		Config: c, given: givenNames(), family: familyNames(),
		departments: departments(), outsideDomains: outsideDomains(),
	}
}

// Dice is a deterministic source of choices for one subject: each call draws the next number.
type Dice struct{ state uint64 }

// Dice returns the choices of the n-th subject of a kind.
func (w *World) Dice(kind string, n int) *Dice {
	h := w.Seed
	for i := 0; i < len(kind); i++ {
		h = mix(h ^ uint64(kind[i]))
	}
	return &Dice{state: mix(h ^ uint64(n)*0x9E3779B97F4A7C15)}
}

// Uint64 draws a number.
func (d *Dice) Uint64() uint64 {
	d.state += 0x9E3779B97F4A7C15
	return mix(d.state)
}

// N draws from 0 to n-1.
func (d *Dice) N(n int) int { return int(d.Uint64() % uint64(n)) }

// Percent is true in p of 100 draws.
func (d *Dice) Percent(p int) bool { return d.N(100) < p }

// Pick draws one of the choices.
func Pick[T any](d *Dice, choices []T) T { return choices[d.N(len(choices))] }

// mix is the finaliser of SplitMix64 (Steele, Lea, Flood 2014): every input bit moves every output bit.
func mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xBF58476D1CE4E5B9
	x ^= x >> 27
	x *= 0x94D049BB133111EB
	return x ^ x>>31
}
