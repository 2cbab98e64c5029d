"""What the PyTorch and the JAX peer share: reading a case, and answering the bench's requests, one JSON object a line."""
import json
import resource
import struct
import sys
import time
from pathlib import Path

import numpy as np

DTYPES = {"F32": np.float32, "I32": np.int32}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    (header_bytes,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + header_bytes])
    header.pop("__metadata__", None)
    body = memoryview(data)[8 + header_bytes :]
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        tensors[name] = np.frombuffer(body[start:end], DTYPES[entry["dtype"]]).reshape(entry["shape"]).copy()
    return tensors


class Case:
    """A training step's sizes, options and optimizer, its initial parameters and its tokens [steps, batch, context]."""

    def __init__(self, folder: Path):
        settings = json.loads((folder / "case.json").read_text())
        self.model: dict = settings["model"]
        self.options: dict = settings["options"]
        self.optimizer: dict = settings["optimizer"]
        self.threads: int = settings["threads"]
        self.batch_size: int = settings["batchSize"]
        self.decayed: set[str] = set(settings["decayed"])
        tensors = read_safetensors(folder / "initial.safetensors")
        self.inputs = self._by_sequence(tensors.pop("inputs"))
        self.targets = self._by_sequence(tensors.pop("targets"))
        self.params = tensors

    def _by_sequence(self, tokens: np.ndarray) -> np.ndarray:
        steps = tokens.shape[0]
        time_major = tokens.reshape(steps, self.model["contextLength"], self.batch_size)
        return np.ascontiguousarray(time_major.transpose(0, 2, 1))

    def sinusoidal_positions(self) -> np.ndarray:
        """T2T's: the first half of the channels sines, the second cosines."""
        context, d_model = self.model["contextLength"], self.model["dModel"]
        half = d_model // 2
        angles = np.arange(context)[:, None] * 10_000.0 ** (-np.arange(half) / max(half - 1, 1))[None, :]
        return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)

    def relative_buckets(self) -> np.ndarray:
        """T5's 32 causal buckets of how far back a position lies, [context, context]; 0 where it lies ahead."""
        context, exact = self.model["contextLength"], 16
        back = np.maximum(np.arange(context)[:, None] - np.arange(context)[None, :], 0)
        far = np.log(np.maximum(back, exact) / exact) / np.log(128 / exact) * exact
        return np.where(back < exact, back, np.minimum(exact + np.floor(far).astype(int), 31))


def feed_forward(case: Case, activation, name: str, x, p):
    hidden = x @ p[f"{name}.in"]
    if case.options["feedForwardBiases"]:
        hidden = hidden + p[f"{name}.inBias"]
    hidden = activation(hidden)
    if case.options["gated"]:
        hidden = hidden * (x @ p[f"{name}.gated"])
    out = hidden @ p[f"{name}.out"]
    return out + p[f"{name}.outBias"] if case.options["feedForwardBiases"] else out


def decoder_layers(case: Case, x, p, *, norm, attention, activation):
    """The residual layers; `norm(name, x, p)` and `attention(name, x, p)` are the framework's own."""
    for layer in range(case.model["nLayers"]):
        name = f"layer{layer}"
        x = x + attention(f"{name}.attention", norm(f"{name}.attentionNorm", x, p), p)
        if case.options["feedForwardNorm"] == "before":
            x = x + feed_forward(case, activation, f"{name}.feedForward", norm(f"{name}.feedForwardNorm", x, p), p)
        else:
            x = x + norm(f"{name}.feedForwardNorm", feed_forward(case, activation, f"{name}.feedForward", x, p), p)
    return x


def serve(case: Case, step) -> None:
    """Answers requests until standard input ends. `step(inputs, targets)` trains one step and returns its loss lazily."""
    done = 0
    for line in sys.stdin:
        request = json.loads(line)
        losses = []
        start = time.perf_counter()
        for _ in range(request["steps"]):
            at = done % len(case.inputs)
            losses.append(step(case.inputs[at], case.targets[at]))
            done += 1
        losses = [float(loss) for loss in losses]
        seconds = time.perf_counter() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({"seconds": seconds, "losses": losses, "peakBytes": peak}), flush=True)
