-- A replica that leases looks whether the server still knows what it knew.
return {(generation())}
