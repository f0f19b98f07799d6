package rpc

import (
	"strconv"

	"github.com/sando-dev/sando/access"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/sealed"
)

// Pages seals the cursors of version lists.
type Pages struct {
	Ring *sealed.Ring
}

const pagesPurpose = "mapping-versions"

func binding(p place) []byte {
	return []byte(p.environment + "\x00" + p.account + "\x00" + p.name.String())
}

func (c Pages) seal(revision int64, p place) (string, error) {
	return c.Ring.Seal(pagesPurpose, strconv.AppendInt(nil, revision, 10), binding(p))
}

// open gives the revision to go on before; 0 without a cursor.
func (c Pages) open(cursor string, p place) (int64, error) {
	if cursor == "" {
		return 0, nil
	}
	plain, err := c.Ring.Open(pagesPurpose, cursor, binding(p))
	if err != nil {
		return 0, rpcerr.New(access.CodeCursorInvalid, "").WithCause(err)
	}
	n, err := strconv.ParseInt(string(plain), 10, 64)
	if err != nil {
		return 0, rpcerr.New(access.CodeCursorInvalid, "").WithCause(err)
	}
	return n, nil
}
