#!/usr/bin/env bash
# What is measured on a machine with a GPU (Linux, Node 20.19 or newer, a clone after `npm ci` and `npm run build`):
#   bash bench/gpu.sh [ENGINE...]        default: onnx:webgpu; about 15 minutes
# Needs the GPU's Vulkan driver and libvulkan1 (apt-get install libvulkan1); for onnx:cuda first
#   ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js
set -euo pipefail
cd "$(dirname "$0")/.."
engines=("${@:-onnx:webgpu}")

# Agreement with the reference, in every precision that the device has; ends here where there is none.
node dist/cli/main.js doctor --engine "${engines[@]}"
npm run test:gpu

for engine in "${engines[@]}"; do
  for precision in f32 f16; do
    # Small, for what a launched operation costs; then a model of about 100M parameters (85M without embeddings).
    node dist/cli/main.js bench --engine "$engine" --precision "$precision" --arch transformer primer-ez --d 256 --layers 6 --json
    node dist/cli/main.js bench --engine "$engine" --precision "$precision" --arch transformer primer-ez \
      --d 768 --layers 12 --batch 8 --length 512 --vocab 8192 --json
  done || echo "$engine: no further precision on this device"
done
