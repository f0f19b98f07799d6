// Package laws holds the repository to its own rules: who may import whom, what every package says of itself, which words code does not contain. Each
// law fails with its reason. It has no code but tests.
package laws
