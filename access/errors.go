package access

import (
	"time"

	rpcv1 "github.com/sando-dev/sando/gen/sando/rpc/v1"
	"github.com/sando-dev/sando/kit/rpcerr"
	"github.com/sando-dev/sando/kit/wire"
)

// Domain is the `domain` of google.rpc.ErrorInfo and the `origin` of errors of our own making.
const Domain = "sando"

// The product's codes beyond those of kit/rpcerr, spelt as in sando.rpc.v1.ErrorCode without its prefix. A test holds the list to the enum.
const (
	CodeAccountNotFound       rpcerr.Code = "ACCOUNT_NOT_FOUND"
	CodeAccountRequired       rpcerr.Code = "ACCOUNT_REQUIRED"
	CodeNeedsReauth           rpcerr.Code = "NEEDS_REAUTH"
	CodeAccountNotActive      rpcerr.Code = "ACCOUNT_NOT_ACTIVE"
	CodeCredentialRejected    rpcerr.Code = "CREDENTIAL_REJECTED"
	CodeOperationNotGranted   rpcerr.Code = "OPERATION_NOT_GRANTED"
	CodeRevocationUnavailable rpcerr.Code = "REVOCATION_UNAVAILABLE"
	CodeAuditUnavailable      rpcerr.Code = "AUDIT_UNAVAILABLE"
	CodeLinkTokenInvalid      rpcerr.Code = "LINK_TOKEN_INVALID"

	CodeUnknownResource      rpcerr.Code = "UNKNOWN_RESOURCE"
	CodeUnknownMethod        rpcerr.Code = "UNKNOWN_METHOD"
	CodeCursorInvalid        rpcerr.Code = "CURSOR_INVALID"
	CodeIdempotencyKeyReused rpcerr.Code = "IDEMPOTENCY_KEY_REUSED"
	CodeOutcomeUnknown       rpcerr.Code = "OUTCOME_UNKNOWN"
	CodeUpstreamRejected     rpcerr.Code = "UPSTREAM_REJECTED"
	CodeUpstreamNotFound     rpcerr.Code = "UPSTREAM_NOT_FOUND"
	CodeUpstreamForbidden    rpcerr.Code = "UPSTREAM_FORBIDDEN"
	CodeUpstreamError        rpcerr.Code = "UPSTREAM_ERROR"
	CodeUpstreamTimeout      rpcerr.Code = "UPSTREAM_TIMEOUT"
	CodeUpstreamBadResponse  rpcerr.Code = "UPSTREAM_BAD_RESPONSE"
	CodeFileRejected         rpcerr.Code = "FILE_REJECTED"
	CodePathNotAllowed       rpcerr.Code = "PATH_NOT_ALLOWED"

	CodeUnsupportedFilter rpcerr.Code = "UNSUPPORTED_FILTER"
	CodeMappingFailed     rpcerr.Code = "MAPPING_FAILED"
	CodeOverrideInvalid   rpcerr.Code = "OVERRIDE_INVALID"
	CodeScanLimit         rpcerr.Code = "SCAN_LIMIT"

	CodeMCPConfigInvalid     rpcerr.Code = "MCP_CONFIG_INVALID"
	CodeConfirmationRequired rpcerr.Code = "CONFIRMATION_REQUIRED"
	CodeUnknownTool          rpcerr.Code = "UNKNOWN_TOOL"
)

// retryAfter is what callers are told to wait when auth, or what it needs, is away.
const retryAfter = 2 * time.Second

// away is the error of a call that cannot be served while auth does not answer; nothing was done.
func away(code rpcerr.Code, cause error) error {
	return rpcerr.New(code, "").WithRetryAfter(retryAfter).WithCause(cause)
}

// ErrorTable is the table of every error code, read from the options of the enum sando.rpc.v1.ErrorCode.
func ErrorTable() (*rpcerr.Table, error) {
	return rpcerr.FromEnum(rpcv1.ErrorCode(0).Descriptor(), rpcv1.E_Rule, Domain)
}

// JSON is the product's JSON encoding of messages: raw JSON spliced in, and cursors that are null at the end of a list.
func JSON() wire.JSON {
	return wire.JSON{
		Raw:      (&rpcv1.RawJson{}).ProtoReflect().Descriptor().FullName(),
		Always:   []string{"next_cursor", "prev_cursor"},
		NotNull:  []string{"google.protobuf.Timestamp", "google.protobuf.Duration"},
		NonEmpty: []string{"access", "services", "integrated_account_ids"},
		Mask:     wire.Mask{Records: "result", Within: "meta", Field: "fields"},
	}
}
