package budget

import "time"

const (
	// firstPenalty is the wait after a 429 that names none; it doubles with
	// each further one, up to lastPenalty.
	firstPenalty = 2 * time.Second
	lastPenalty  = time.Minute
	// probeTime is how long the call that tries after a penalty may take
	// before another may try.
	probeTime = 10 * time.Second
)

// A penalty follows a 429: nobody passes until it ends, then one call tries,
// and when that one is answered, everybody may. A nil one is none.
type penalty struct {
	until   moment
	probing moment // until when the result of a try is awaited; 0: nobody tries
	strikes int    // 429s in a row that named no wait
}

func (p *penalty) on() bool { return p != nil }

// holds tells that nobody may pass now.
func (p *penalty) holds(now moment) bool {
	return p.on() && (now < p.until || now < p.probing)
}

// ends is when somebody may pass, as far as is known.
func (p *penalty) ends(now moment) moment {
	if !p.on() {
		return now
	}
	return max(p.until, p.probing, now)
}

// remains is how long nobody may pass.
func (p *penalty) remains(now moment) time.Duration {
	if !p.on() {
		return 0
	}
	return max(0, p.until-now)
}

// passed notes that a call went out.
func (p *penalty) passed(now moment) {
	if p.on() {
		p.probing = now + probeTime
	}
}

// extend sets or lengthens the penalty.
func (p *penalty) extend(until moment) {
	p.until, p.probing = max(p.until, until), 0
}

// strike is the wait after a 429 that names none.
func (p *penalty) strike() time.Duration {
	wait := min(firstPenalty<<min(p.strikes, 10), lastPenalty)
	p.strikes++
	return wait
}
