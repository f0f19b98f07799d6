#!/usr/bin/env bash
# Applies the renderings of the chart to a real kube-apiserver, as a dry run: admission, defaults and validation are those of a cluster. The server and
# kubectl are built from Kubernetes' own Go module, which takes minutes; etcd is Debian's etcd-server. `make kube-dryrun` runs it.
set -euo pipefail
cd "$(dirname "$0")/../.."
bin=${KUBE_BIN:-bin/kubernetes}
work=$(mktemp -d)
pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$work"' EXIT
command -v etcd >/dev/null || { echo 'kube-dryrun: etcd is missing: apt-get install etcd-server' >&2; exit 1; }
if [ ! -x "$bin/kube-apiserver" ] || [ ! -x "$bin/kubectl" ]; then
  mkdir -p "$bin"
  GOWORK=off nice go -C tools/kubernetes/apiserver build -mod=mod -o "$PWD/$bin/" k8s.io/kubernetes/cmd/kube-apiserver k8s.io/kubernetes/cmd/kubectl
fi

# Three free ports, asked of the system.
read -r client peer port < <(python3 -c 'import socket
s=[socket.socket() for _ in range(3)]
[x.bind(("127.0.0.1",0)) for x in s]
print(*[x.getsockname()[1] for x in s])')
etcd --data-dir "$work/etcd" --listen-client-urls "http://127.0.0.1:$client" --advertise-client-urls "http://127.0.0.1:$client" \
  --listen-peer-urls "http://127.0.0.1:$peer" --initial-advertise-peer-urls "http://127.0.0.1:$peer" \
  --initial-cluster "default=http://127.0.0.1:$peer" >"$work/etcd.log" 2>&1 &
pids+=($!)
openssl genrsa -out "$work/sa.key" 2048 2>/dev/null
token=$(openssl rand -hex 16)
(umask 077; echo "$token,operator,operator,system:masters" >"$work/tokens")
"$bin/kube-apiserver" --etcd-servers "http://127.0.0.1:$client" --bind-address 127.0.0.1 --secure-port "$port" --cert-dir "$work/certs" \
  --service-account-issuer https://kubernetes.default.svc --service-account-signing-key-file "$work/sa.key" --service-account-key-file "$work/sa.key" \
  --authorization-mode RBAC --token-auth-file "$work/tokens" --service-cluster-ip-range 10.0.0.0/24 --endpoint-reconciler-type=none \
  --disable-admission-plugins ServiceAccount >"$work/apiserver.log" 2>&1 &
pids+=($!)
kubectl() { "$bin/kubectl" --server "https://127.0.0.1:$port" --token "$token" --insecure-skip-tls-verify --cache-dir "$work/cache" "$@"; }
for _ in $(seq 100); do kubectl get --raw /readyz >/dev/null 2>&1 && break; sleep 0.3; done
kubectl get --raw /readyz >/dev/null || { tail -20 "$work/apiserver.log" >&2; exit 1; }

# The kinds of others: their definitions come with their modules.
module() { go mod download -json "$(sed -n "s/.*$1 *= \"\(.*\)\"/\1/p" tools/kubernetes/kubeschemas/module.go)" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p'; }
gateway=$(module gatewayAPI) certs=$(module certManager) prometheus=$(module prometheus)
kubectl apply --server-side -f "$gateway/config/crd/standard/gateway.networking.k8s.io_httproutes.yaml" \
  -f "$certs/deploy/crds/cert-manager.io_certificates.yaml" -f "$certs/deploy/crds/cert-manager.io_issuers.yaml" \
  -f "$prometheus/example/prometheus-operator-crd/monitoring.coreos.com_servicemonitors.yaml" \
  -f "$prometheus/example/prometheus-operator-crd/monitoring.coreos.com_prometheusrules.yaml" >/dev/null
kubectl wait --for condition=established --timeout 30s crd --all >/dev/null
kubectl create namespace sando >/dev/null
# The strictest of the Pod Security Standards refuses what it would in a cluster.
kubectl label namespace sando pod-security.kubernetes.io/enforce=restricted pod-security.kubernetes.io/warn=restricted >/dev/null
for manifests in internal/chart/testdata/*.yaml deploy/observability/alerts.yaml; do
  kubectl apply --dry-run=server --validate=strict -n sando -f "$manifests" >"$work/out" 2>"$work/err" || { cat "$work/out" "$work/err" >&2; exit 1; }
  if [ -s "$work/err" ]; then cat "$work/err" >&2; exit 1; fi
  echo "$manifests: $(wc -l <"$work/out") objects accepted"
done
