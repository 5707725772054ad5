#!/usr/bin/env bash
# Builds the OpenTelemetry Collector that the test of integrations/otelcol runs,
# once: it takes minutes of CPU.

cd "$(dirname "$0")/.."
. scripts/common.sh

config=integrations/otelcol/builder.yaml
version=$(sed -n 's/.*filelogreceiver v//p' $config)
work=$PWD/build/otelcol-src

[ build/otelcol -nt $config ] && exit 0

# The builder calls "go" by that name.
go=$(scripts/go.sh env GOROOT)/bin
export PATH=$go:$PATH GOTOOLCHAIN=auto GOFLAGS=-p=1

rm -rf "$work"
mkdir -p "$work"
GOBIN=$work nice go install "go.opentelemetry.io/collector/cmd/builder@v$version"
sed "s|output_path: .*|output_path: $work/dist|" $config > "$work/builder.yaml"
(cd "$work" && nice ./builder --config builder.yaml)
mv "$work/dist/otelcol" build/otelcol
rm -rf "$work"
say "built build/otelcol"
