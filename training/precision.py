"""In what numbers the large products of a training step are made; weights, sums and the optimiser stay float32."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Precision = Literal["auto", "fp32", "bf16"]
_CPU_PRODUCTS = ("avx512_bf16", "amx_bf16", "bf16", "arm_bf16")


def resolved(precision: Precision, device: str) -> Precision:
    """fp32 or bf16: auto is bf16 where the device ("cpu", "cuda") multiplies it faster than float32."""
    if precision != "auto":
        return precision
    return "bf16" if multiplies_bf16(device) else "fp32"


def dtype_of(precision: Precision) -> torch.dtype:
    """The dtype of a resolved precision."""
    return {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]


def multiplies_bf16(device: str) -> bool:
    """Whether the processor has instructions for products of bfloat16; elsewhere they are emulated and slower."""
    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    there: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older releases do not tell
    return any(bool(there.get(name)) for name in _CPU_PRODUCTS)


def linear(inputs: Tensor, layer: nn.Linear | tuple[Tensor, Tensor], *, dtype: torch.dtype) -> Tensor:
    """inputs [B, k] through a layer (or its weight [n, k] and bias [n]): float32 [B, n], multiplied in dtype."""
    weight, bias = (layer.weight, layer.bias) if isinstance(layer, nn.Linear) else layer
    if dtype == torch.float32:
        return functional.linear(inputs, weight, bias)
    return functional.linear(inputs.to(dtype), weight.to(dtype), bias.to(dtype)).float()
