"""torch's AdamW, without the compiler that it would import."""

from __future__ import annotations

import inspect

import torch


class AdamW(torch.optim.AdamW):
    """AdamW of Loshchilov and Hutter (arXiv:1711.05101), as torch has it, not to be compiled.

    torch wraps these methods so that its compiler leaves them alone, and the first call of one
    imports the compiler to say so: 900 modules in two seconds. Here they are without the wrapping.
    """

    step = torch.no_grad()(inspect.unwrap(torch.optim.AdamW.step))
    add_param_group = inspect.unwrap(torch.optim.AdamW.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.AdamW.zero_grad)
    state_dict = inspect.unwrap(torch.optim.AdamW.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.AdamW.load_state_dict)
