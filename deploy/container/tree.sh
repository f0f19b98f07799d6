#!/usr/bin/env bash
# Puts what the image holds into a folder: static binaries, certificates of public authorities, and a bill of materials per binary.
#
#   GOOS=linux GOARCH=arm64 deploy/container/tree.sh FOLDER
set -euo pipefail
cd "$(dirname "$0")/../.."
tree=${1:?give the folder to fill}
certificates=${CA_BUNDLE:-/etc/ssl/certs/ca-certificates.crt}

binaries=(
  sando=./cmd/sando
  authd=./services/auth/cmd/authd
  proxyd=./services/proxy/cmd/proxyd
  unifiedd=./services/unified/cmd/unifiedd
  mcpd=./services/mcp/cmd/mcpd
)

mkdir -p "$tree/etc/ssl/certs" "$tree/sbom" bin/tools
[ -r "$certificates" ] || { echo "tree: $certificates is missing; name a PEM file in CA_BUNDLE" >&2; exit 1; }
cp "$certificates" "$tree/etc/ssl/certs/ca-certificates.crt"

# For the machine that builds, whatever it builds for.
env -u GOOS -u GOARCH GOWORK=off go -C tools/container build -o ../../bin/tools/ github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod

for b in "${binaries[@]}"; do
  name=${b%%=*}
  CGO_ENABLED=0 go build -trimpath -buildvcs=auto -ldflags '-s -w -buildid=' -o "$tree/$name" "${b#*=}"
  bin/tools/cyclonedx-gomod bin -json -noserial -output "$tree/sbom/$name.cdx.json" "$tree/$name"
done
