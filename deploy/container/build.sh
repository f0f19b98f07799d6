#!/usr/bin/env bash
# Makes the image without a daemon: an OCI archive for podman load, skopeo or crane.
#
#   PLATFORMS="linux/amd64 linux/arm64" deploy/container/build.sh [sando.tar]
set -euo pipefail
cd "$(dirname "$0")/../.."
out=${1:-bin/sando.tar}
version=${VERSION:-$(git describe --tags --always --dirty 2>/dev/null || echo devel)}
created=$(TZ=UTC git log -1 --date=format-local:%Y-%m-%dT%H:%M:%SZ --format=%cd)

GOWORK=off go -C tools/container build -o ../../bin/tools/ ./ociimage
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

trees=()
for platform in ${PLATFORMS:-linux/amd64}; do
  dir=$work/${platform//\//-}
  GOOS=${platform%/*} GOARCH=${platform#*/} deploy/container/tree.sh "$dir"
  trees+=("$platform=$dir")
done
bin/tools/ociimage -o "$out" -created "$created" -cmd "/sando serve" \
  -label org.opencontainers.image.title=sando \
  -label org.opencontainers.image.licenses=Apache-2.0 \
  -label "org.opencontainers.image.version=$version" \
  -label "org.opencontainers.image.revision=$(git rev-parse HEAD)" \
  "${trees[@]}"
echo "$out"
