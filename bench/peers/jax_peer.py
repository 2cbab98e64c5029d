"""The training step in JAX, one jitted function with its state donated. Usage: jax_peer.py CASE_FOLDER"""
import os
import sys
from functools import partial
from pathlib import Path

from peer import Case, decoder_layers, serve

case = Case(Path(sys.argv[1]))
# XLA takes its number of threads from the processors that the process may run on.
os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[: case.threads]))

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

shape, options, settings = case.model, case.options, case.optimizer
context, n_heads, d_head = shape["contextLength"], shape["nHeads"], shape["dHead"]
width = n_heads * d_head
positions = jnp.asarray(case.sinusoidal_positions())
buckets = jnp.asarray(case.relative_buckets())
causal = jnp.triu(jnp.full((context, context), -1e9), 1)
relative = shape["positions"] == "relative"
names = ["qk", "v"] if options["sharedQueryKey"] else ["q", "k", "v"]
ACTIVATIONS = {"relu": jax.nn.relu, "squaredRelu": lambda x: jax.nn.relu(x) ** 2, "swish": jax.nn.silu}


def norm(name, x, p):
    gamma = p[f"{name}.gamma"]
    if options["norm"] == "rmsNorm":
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6) * gamma
    centred = x - jnp.mean(x, -1, keepdims=True)
    variance = jnp.mean(centred * centred, -1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + 1e-6) * gamma + p[f"{name}.beta"]


def conv(x, w):
    shifted = (jnp.pad(x[:, : context - k], ((0, 0), (k, 0), (0, 0))) for k in range(w.shape[0]))
    return sum(y * w[k] for k, y in enumerate(shifted))


def attention(mask, name, x, p):
    projected = x @ jnp.concatenate([p[f"{name}.{part}"] for part in names], 1)
    if options["qkvConvolution"]:
        projected = conv(projected, jnp.concatenate([p[f"{name}.{part}Conv"] for part in names], 1))
    parts = jnp.split(projected, len(names), 2)
    q, k, v = (parts[0] @ p[f"{name}.qFromShared"], *parts) if options["sharedQueryKey"] else parts
    q, k, v = (y.reshape(-1, context, n_heads, d_head) for y in (q, k, v))
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) * d_head**-0.5 + mask
    y = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
    return y.reshape(-1, context, width) @ p[f"{name}.o"]


def loss_of(p, inputs, targets):
    mask = p["relativeBias"][buckets].transpose(2, 0, 1) + causal if relative else causal
    x = p["embedding"][inputs] * 50
    if not relative:
        x = x + positions
    attend = partial(attention, mask)
    x = decoder_layers(case, x, p, norm=norm, attention=attend, activation=ACTIVATIONS[options["activation"]])
    logits = norm("finalNorm", x, p) @ p["output"].T
    picked = jnp.take_along_axis(jax.nn.log_softmax(logits), targets[..., None], -1)
    return -jnp.mean(picked)


@partial(jax.jit, donate_argnums=(0, 1, 2))
def train(p, first, second, count, inputs, targets):
    loss, gradients = jax.value_and_grad(loss_of)(p, inputs, targets)
    total = jnp.sqrt(sum(jnp.sum(g * g) for g in gradients.values()))
    factor = jnp.minimum(settings["clipNorm"] / (total + 1e-6), 1)
    beta1, beta2, rate = settings["beta1"], settings["beta2"], settings["learningRate"]
    next_p, next_first, next_second = {}, {}, {}
    for name, g in gradients.items():
        clipped = g * factor
        m = next_first[name] = beta1 * first[name] + (1 - beta1) * clipped
        v = next_second[name] = beta2 * second[name] + (1 - beta2) * clipped * clipped
        direction = m / (1 - beta1**count) / (jnp.sqrt(v / (1 - beta2**count)) + settings["epsilon"])
        kept = p[name] * (1 - rate * settings["weightDecay"]) if name in case.decayed else p[name]
        next_p[name] = kept - rate * direction
    return next_p, next_first, next_second, count + 1, loss


params = {name: jnp.asarray(value) for name, value in case.params.items()}
zeros = lambda: {name: jnp.zeros_like(value) for name, value in params.items()}  # noqa: E731
state = (params, zeros(), zeros(), jnp.float32(1))


def step(inputs, targets):
    global state
    *state, loss = train(*state, inputs, targets)
    return loss


serve(case, step)
