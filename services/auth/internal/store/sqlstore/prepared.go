package sqlstore

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// prepared is a transaction whose most frequent statements need not be parsed again; others go as they come. Statements end with the transaction's
// context, which is that of whoever runs them but for the bound.
type prepared struct {
	*sql.Tx
	ctx        context.Context
	statements statements
}

// statements are prepared ones by their text.
type statements map[string]*sql.Stmt

// prepare prepares the statements of an append to the log and the one that follows revocations, which take SQLite as long to read as to run. The driver of PostgreSQL does so by itself.
func (db *DB) prepare(ctx context.Context) error {
	db.statements = make(statements)
	for _, query := range []string{selectHead, selectKnownRows(db.dialect.bytewise), selectKnownBlocks, insertBlock, moveHead} {
		s, err := db.write.PrepareContext(ctx, query)
		if err != nil {
			return fmt.Errorf("store: prepare: %w", err)
		}
		db.statements[query] = s
	}
	var err error
	if db.follow, err = db.lookups.PrepareContext(ctx, selectEvents); err != nil {
		return fmt.Errorf("store: prepare: %w", err)
	}
	return nil
}

func (s statements) close() error {
	var err error
	for _, statement := range s {
		err = errors.Join(err, statement.Close())
	}
	return err
}

func (p prepared) QueryContext(_ context.Context, query string, args ...any) (*sql.Rows, error) {
	if s, ok := p.statements[query]; ok {
		return p.StmtContext(p.ctx, s).QueryContext(p.ctx, args...)
	}
	return p.Tx.QueryContext(p.ctx, query, args...)
}

func (p prepared) QueryRowContext(_ context.Context, query string, args ...any) *sql.Row {
	if s, ok := p.statements[query]; ok {
		return p.StmtContext(p.ctx, s).QueryRowContext(p.ctx, args...)
	}
	return p.Tx.QueryRowContext(p.ctx, query, args...)
}

func (p prepared) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	if s, ok := p.statements[query]; ok {
		return p.StmtContext(p.ctx, s).ExecContext(p.ctx, args...)
	}
	return p.Tx.ExecContext(p.ctx, query, args...)
}
