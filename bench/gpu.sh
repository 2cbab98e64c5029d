#!/usr/bin/env bash
# What is measured on a machine with a GPU (Linux):
#   bash bench/gpu.sh [--small] [ENGINE...]     default: onnx:webgpu; about 15 minutes. --small: tiny models, to try it out
# after `npm ci` and `npm run build`, or on a machine without network:
#   bash bench/gpu.sh --pack FILE.tar.gz        here: everything that it needs in one archive (Node, isoloss, its packages and the
#                                               optional ones that are installed, the Vulkan loader where this machine has it)
#   tar xzf FILE.tar.gz && bash isoloss-gpu/bench/gpu.sh     there; it needs the GPU's own driver and nothing else
# Each engine is checked against the reference by a short training in every precision first; rates come as JSON, a line each.
# For onnx:cuda first: ONNXRUNTIME_NODE_INSTALL=cuda12 node node_modules/onnxruntime-node/script/install.js
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1:-}" = --pack ]; then
  archive=$(realpath -m "${2:?--pack takes the archive to write}")
  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  mkdir -p "$folder/isoloss-gpu/carried" "$folder/isoloss-gpu/bench"
  cp -r dist package.json "$folder/isoloss-gpu/"
  cp bench/gpu.sh "$folder/isoloss-gpu/bench/"
  # Without what only development needs, and ONNX Runtime's files of other systems.
  { npm ls --omit=dev --all --parseable 2>/dev/null || true; } | tail -n +2 | sed "s|^$PWD/||" | { grep '^node_modules/' || true; } |
    sort -u | tar cf - --exclude='*/bin/napi-v*/darwin' --exclude='*/bin/napi-v*/win32' -T - | tar xf - -C "$folder/isoloss-gpu"
  for package in @tensorflow/tfjs-backend-webgpu @webgpu/types webgpu; do
    if [ -d "node_modules/$package" ]; then cp -r --parents "node_modules/$package" "$folder/isoloss-gpu/"; fi
  done
  cp "$(command -v node)" "$folder/isoloss-gpu/carried/node"
  loader=$(ldconfig -p | awk '/libvulkan\.so\.1/ { print $NF; exit }')
  if [ -n "$loader" ]; then cp -L "$loader" "$folder/isoloss-gpu/carried/libvulkan.so.1"; else
    echo "no libvulkan.so.1 here to carry (apt-get install libvulkan1); the other machine needs its own" >&2
  fi
  tar czf "$archive" -C "$folder" isoloss-gpu
  du -h "$archive"
  exit
fi

node=node
if [ -x carried/node ]; then node=carried/node; fi
# A loader of the machine's own goes first.
export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$PWD/carried"
small=false
if [ "${1:-}" = --small ]; then small=true; shift; fi
engines=("${@:-onnx:webgpu}")

bench() { "$node" dist/cli/main.js bench --engine "$engine" --precision "$precision" --arch transformer primer-ez --json "$@"; }

# Ends here where there is none.
"$node" dist/cli/main.js doctor --engine "${engines[@]}"
if [ -d node_modules/vitest ] && [ "$small" = false ]; then npm run test:gpu; fi

measure() {
  if [ "$small" = true ]; then
    bench --d 16 --layers 1 --batch 2 --length 16 --vocab 300
  else
    # Small, for what a launched operation costs; then a model of about 100M parameters (85M without embeddings).
    bench --d 256 --layers 6 && bench --d 768 --layers 12 --batch 8 --length 512 --vocab 8192
  fi
}

for engine in "${engines[@]}"; do
  precision=f32
  measure
  precision=f16
  measure || echo "$engine: no f16 on this device"
done
