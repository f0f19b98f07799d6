// Package access is what every service needs to honour a caller: who is calling ([Client], [Authenticate]), what the caller may do
// ([Caller], [Authorise]), how it is recorded ([Auditor]), and how a refusal reads ([ErrorTable]).
//
// auth owns the truth. The other services introspect a token there once, keep the signed grant, and follow auth's stream of revocations, so
// that a warm call touches nothing outside the process and a revoked token stops working within a second.
package access
