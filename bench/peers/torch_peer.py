"""The training step in PyTorch, eager or under torch.compile. Usage: torch_peer.py CASE_FOLDER eager|compile"""
import sys
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from peer import Case, decoder_layers, serve


def build_loss(case: Case):
    shape, options = case.model, case.options
    context, n_heads, d_head = shape["contextLength"], shape["nHeads"], shape["dHead"]
    d_model, width = shape["dModel"], n_heads * d_head
    positions = torch.from_numpy(case.sinusoidal_positions())
    buckets = torch.from_numpy(case.relative_buckets())
    causal = torch.full((context, context), -1e9).triu(1)
    relative = shape["positions"] == "relative"
    names = ["qk", "v"] if options["sharedQueryKey"] else ["q", "k", "v"]

    def norm(name, x, p):
        if options["norm"] == "rmsNorm":
            return F.rms_norm(x, (d_model,), p[f"{name}.gamma"], 1e-6)
        return F.layer_norm(x, (d_model,), p[f"{name}.gamma"], p[f"{name}.beta"], 1e-6)

    def conv(x, w):
        y = x * w[0]
        for k in range(1, w.shape[0]):
            y = y + F.pad(x[:, :-k] * w[k], (0, 0, k, 0))
        return y

    def attention(mask, name, x, p):
        projected = x @ torch.cat([p[f"{name}.{part}"] for part in names], 1)
        if options["qkvConvolution"]:
            projected = conv(projected, torch.cat([p[f"{name}.{part}Conv"] for part in names], 1))
        parts = projected.split(width, 2)
        q, k, v = (parts[0] @ p[f"{name}.qFromShared"], *parts) if options["sharedQueryKey"] else parts
        q, k, v = (y.view(-1, context, n_heads, d_head).transpose(1, 2) for y in (q, k, v))
        if mask is None:
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        return y.transpose(1, 2).reshape(-1, context, width) @ p[f"{name}.o"]

    activations = {"relu": F.relu, "squaredRelu": lambda x: F.relu(x).square(), "swish": F.silu}

    def loss(p, inputs, targets):
        mask = p["relativeBias"][buckets].permute(2, 0, 1) + causal if relative else None
        x = F.embedding(inputs, p["embedding"]) * 50
        if not relative:
            x = x + positions
        attend = partial(attention, mask)
        x = decoder_layers(case, x, p, norm=norm, attention=attend, activation=activations[options["activation"]])
        logits = norm("finalNorm", x, p) @ p["output"].T
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    return loss


def main(folder: str, mode: str) -> None:
    case = Case(Path(folder))
    torch.set_num_threads(case.threads)
    params = {name: torch.from_numpy(value).requires_grad_() for name, value in case.params.items()}
    settings = case.optimizer
    groups = [
        {"params": [p for n, p in params.items() if n in case.decayed], "weight_decay": settings["weightDecay"]},
        {"params": [p for n, p in params.items() if n not in case.decayed], "weight_decay": 0.0},
    ]
    betas = (settings["beta1"], settings["beta2"])
    optimizer = torch.optim.AdamW(
        groups, lr=settings["learningRate"], betas=betas, eps=settings["epsilon"], fused=True
    )
    loss_of = build_loss(case)
    if mode == "compile":
        loss_of = torch.compile(loss_of)

    def step(inputs, targets):
        optimizer.zero_grad(set_to_none=True)
        loss = loss_of(params, torch.from_numpy(inputs), torch.from_numpy(targets).long())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(params.values(), settings["clipNorm"])
        optimizer.step()
        return loss.detach()

    serve(case, step)


main(*sys.argv[1:])
