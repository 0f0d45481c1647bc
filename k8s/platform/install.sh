#!/usr/bin/env bash
# What production stands on, in this order, each at the version that the manifests were checked against. Run again after a
# version was changed here. Needs helm 3.14 or newer, and rights for the whole cluster.
set -euo pipefail
cd "$(dirname "$0")"

chart() { # release, chart, version, namespace, further words
    local release=$1 chart=$2 version=$3 namespace=$4
    shift 4
    helm upgrade --install "$release" "$chart" --version "$version" --namespace "$namespace" --create-namespace --wait "$@"
}

helm repo add jetstack https://charts.jetstack.io
helm repo add prometheus-community https://prometheus-community.github.io/helm-charts
helm repo add cnpg https://cloudnative-pg.github.io/charts
helm repo add external-secrets https://charts.external-secrets.io
helm repo add kedacore https://kedacore.github.io/charts
helm repo add nats https://nats-io.github.io/k8s/helm/charts/
helm repo update

# 1. Definitions that charts and manifests speak of.
kubectl apply --server-side -f https://github.com/kubernetes-sigs/gateway-api/releases/download/v1.6.1/standard-install.yaml
chart cert-manager jetstack/cert-manager v1.21.1 cert-manager --set crds.enabled=true
chart monitoring prometheus-community/kube-prometheus-stack 88.5.3 monitoring --values kube-prometheus-stack.yaml

# 2. Operators.
chart cnpg cnpg/cloudnative-pg 0.29.0 cnpg-system
chart barman-cloud cnpg/plugin-barman-cloud 0.7.0 cnpg-system
chart external-secrets external-secrets/external-secrets 2.9.0 external-secrets
chart keda kedacore/keda 2.20.2 keda

# 3. The namespace, its secrets and its certificates, then the broker, whose servers mount one of each.
kubectl apply -f ../base/namespace.yaml
kubectl apply --namespace brightrun -k ../overlays/production/certificates
kubectl apply --namespace brightrun -k ../overlays/production/secrets
kubectl --namespace brightrun wait --for=condition=Ready --timeout=5m externalsecret/brightrun-nats
kubectl --namespace brightrun wait --for=condition=Ready --timeout=5m certificate/nats-server
chart nats nats/nats 2.14.2 brightrun --values nats.yaml
